"""The Beam side of a batch job: the model is asked about one partition of users."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from apache_beam.utils import shared

from components.batch_recommend import histories
from components.batch_recommend.config import BatchConfig
from components.batch_recommend.histories import SeenItems
from components.batch_recommend.output import RECOMMENDATIONS, Output, to_rows
from components.sequence_example_gen import blocks, files, windows
from components.sequence_example_gen.examples import format_user_hashes
from components.sequence_example_gen.summary import Summary
from components.sequence_example_gen.timestamps import MICROSECONDS, to_microseconds
from components.sequence_example_gen.windows import Places, Windows
from serving import saved_model
from serving.saved_model import UnusableModelError

USERS, WITHOUT_HISTORY = "users", "users_without_history"
"""Counts: users with a row, and users without an event that is read."""

FUNCTIONS = ("recommend_fingerprints", "recommend_unseen_fingerprints")
"""Functions of `ServingModule` that a batch job calls: its events hold fingerprints rather than raw ids."""

ANSWERS = "answers"
"""What only those models have that rank the items of the period, too."""

ROW_GROUP = 1 << 16
"""Number of rows that are written at once."""

_log = logging.getLogger("dspnet")


class ModelHandle:
    """The name of a model, which travels to the workers; each process loads the model once.

    Args:
        folder: folder of one version, as seen by the workers.
    """

    def __init__(self, folder: str):
        self._folder = folder
        self._shared = shared.Shared()

    def load(self) -> Any:
        """Returns the model, which is loaded unless this process holds it already.

        Raises:
            UnusableModelError: if the model cannot be loaded here, or lacks one of `FUNCTIONS` or `ANSWERS`.
        """
        return self._shared.acquire(self._load)

    def release(self) -> None:
        """Lets go of the model, which Beam would hold for as long as this process lives."""
        shared.Shared().acquire(lambda: None)  # Beam holds what was acquired last.

    def _load(self) -> Any:
        try:
            loaded = saved_model.load_saved_model(self._folder)
        except UnusableModelError as error:
            raise UnusableModelError(f"--model: {error}") from error
        missing = [name for name in (*FUNCTIONS, ANSWERS) if not hasattr(loaded, name)]
        if missing:
            raise UnusableModelError(
                f"--model: {self._folder} has no {', '.join(missing)}. It was exported by an older version of "
                "this project, or by another: run the pipeline again"
            )
        return loaded


class Recommend(beam.DoFn):
    """(partition, its blocks) -> one Parquet shard with one row a user, and the counts of users.

    Args:
        config: the batch job.
        model: the model to ask.
        output: folder of the shard.
    """

    def __init__(self, config: BatchConfig, model: ModelHandle, output: Output):
        self._config = config
        self._as_of = None if config.as_of is None else to_microseconds(config.as_of)
        days = config.history_days
        self._since = 0 if days is None or self._as_of is None else self._as_of - days * histories.DAY
        self._handle = model
        self._output = output

    def setup(self) -> None:
        """Loads the model, once in each process."""
        self._model = self._handle.load()

    def process(self, element: tuple[int, Iterable[tuple[int, bytes]]]) -> Iterator[Summary]:
        """Processes one partition; see the class."""
        partition, parts = element
        events = blocks.join_and_sort(parts, self._config.ties)
        users_in_log = len(windows.find_user_bounds(events["user_high"], events["user_low"])) - 1
        events = histories.select_before(events, self._as_of)
        users = histories.find_histories(events, self._config.max_history, self._since)
        shards = self._config.partitions
        with (
            files.create_whole(self._output.locate_staged(partition, shards), self._output.staging) as file,
            pq.ParquetWriter(file, RECOMMENDATIONS) as writer,
        ):
            for rows in _join_tables(self._make_tables(events, users)):
                writer.write_table(rows)
        _log.info("partition %d of %d: %s users", partition + 1, shards, f"{len(users):,}")
        yield Summary({USERS: len(users), WITHOUT_HISTORY: users_in_log - len(users)})

    def _make_tables(self, events: blocks.Columns, users: Windows) -> Iterator[pa.Table]:
        """Yields tables with a row for each user, batch by batch."""
        ids = format_user_hashes(events["user_high"][users.first], events["user_low"][users.first])
        lengths = users.history_stop - users.history_start
        seen = histories.list_seen_items(events, users) if self._config.unseen else None
        for batch in histories.cut_batches(lengths if seen is None else lengths + np.diff(seen.offsets)):
            answer = self._ask(events, users.select(batch), seen, batch)
            yield to_rows(ids[batch], lengths[batch], answer, self._config.top)

    def _ask(
        self, events: blocks.Columns, users: Windows, seen: SeenItems | None, batch: Places
    ) -> dict[str, npt.NDArray[Any]]:
        items, scenes = (
            tf.constant(histories.pad_ranges(events[name], users.history_start, users.history_stop))
            for name in ("item", "scene")
        )
        times = tf.constant(
            histories.pad_ranges(events["time"] // MICROSECONDS, users.history_start, users.history_stop, padding=0)
        )
        # Asked at the time of the job or, where it has none, at each user's last event.
        now = tf.fill([len(users)], np.int64(0 if self._as_of is None else self._as_of // MICROSECONDS))
        if seen is None:
            answer = self._model.recommend_fingerprints(items, scenes, times, now)
        else:
            exclude = tf.constant(histories.pad_ranges(seen.items, seen.offsets[batch], seen.offsets[batch + 1]))
            answer = self._model.recommend_unseen_fingerprints(items, scenes, times, now, exclude)
        return {name: tensor.numpy() for name, tensor in answer.items()}


def _join_tables(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Joins tables until each has `ROW_GROUP` rows or more; the last one may have fewer."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
