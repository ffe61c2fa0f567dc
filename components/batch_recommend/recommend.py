"""The Beam side: asks the model about one partition of users."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.batch_recommend import histories
from components.batch_recommend.config import BatchSettings
from components.batch_recommend.model_handle import ModelHandle
from components.batch_recommend.output import Output
from components.batch_recommend.rows import RECOMMENDATIONS, to_rows
from components.sequence_example_gen import blocks, files, windows
from components.sequence_example_gen.examples import format_user_hashes
from components.sequence_example_gen.timestamps import to_microseconds
from components.sequence_example_gen.transforms import COUNT, Counter
from components.sequence_example_gen.windows import Windows

USERS, WITHOUT_HISTORY = "users", "users_without_history"
"""Counts: users with a row, and users without an event that is read."""

ROW_GROUP = 1 << 16
"""Rows that are written at once."""

_log = logging.getLogger("dspnet")


class Recommend(beam.DoFn):
    """(partition, its blocks) -> one Parquet shard with a row a user, and facts.

    Args:
        settings: what to ask.
        model: whom to ask.
        output: where the shard goes.
    """

    def __init__(self, settings: BatchSettings, model: ModelHandle, output: Output):
        self._settings = settings
        self._as_of = None if settings.as_of is None else to_microseconds(settings.as_of)
        days = settings.history_days
        self._since = 0 if days is None or self._as_of is None else self._as_of - days * histories.DAY
        self._handle = model
        self._output = output

    def setup(self) -> None:
        """Loads the model, once a process."""
        self._model = self._handle.load()

    def process(self, element: tuple[int, Iterable[tuple[int, bytes]]]) -> Iterator[Counter]:
        """Processes one partition; see the class."""
        partition, parts = element
        events = blocks.join_and_sort(parts)
        everybody = len(windows.find_user_bounds(events["user_high"], events["user_low"])) - 1
        events = histories.before(events, self._as_of)
        users = histories.latest(events, self._settings.max_history, self._since)
        shards = self._settings.partitions
        with (
            files.created(self._output.staged(partition, shards), self._output.staging) as file,
            pq.ParquetWriter(file, RECOMMENDATIONS) as writer,
        ):
            for rows in _joined(self._rows(events, users)):
                writer.write_table(rows)
        _log.info("partition %d of %d: %s users", partition + 1, shards, f"{len(users):,}")
        yield (COUNT, USERS), len(users)
        yield (COUNT, WITHOUT_HISTORY), everybody - len(users)

    def _rows(self, events: blocks.Columns, users: Windows) -> Iterator[pa.Table]:
        """Yields a row for each user, batch by batch."""
        ids = format_user_hashes(events["user_high"][users.first], events["user_low"][users.first])
        lengths = users.history_stop - users.history_start
        seen = histories.seen_items(events, users) if self._settings.unseen else None
        for batch in histories.batches(lengths if seen is None else lengths + np.diff(seen[0])):
            answer = self._ask(events, users.select(batch), seen, batch)
            yield to_rows(ids[batch], lengths[batch], answer, self._settings.top)

    def _ask(self, events: blocks.Columns, users: Windows, seen: Any, batch: windows.Places) -> dict[str, Any]:
        items, scenes = (
            tf.constant(histories.padded(events[name], users.history_start, users.history_stop))
            for name in ("item", "scene")
        )
        if seen is None:
            answer = self._model.recommend_fingerprints(items, scenes)
        else:
            offsets, items_seen = seen
            exclude = tf.constant(histories.padded(items_seen, offsets[batch], offsets[batch + 1]))
            answer = self._model.recommend_unseen_fingerprints(items, scenes, exclude)
        return {name: tensor.numpy() for name, tensor in answer.items()}


def _joined(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Joins tables to such as make a good row group."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
