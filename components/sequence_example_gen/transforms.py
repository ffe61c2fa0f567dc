"""Beam transforms of the ingest: DoFns that call the array code, one shard, partition or file at a time.

What they count and find travels as `summary.Summary`, which Beam merges. Nothing is kept in globals, so the same code
runs on any runner.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.sequence_example_gen import (
    balance,
    blocks,
    examples,
    files,
    parquet,
    parsing,
    readers,
    rejects,
    sequence_files,
    sources,
    splits,
    ties,
    windows,
)
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.column_types import TWO_SPELLINGS
from components.sequence_example_gen.config import IngestSettings, SourceConfig
from components.sequence_example_gen.summary import Problem, Summary
from schemas import identity, sequences

REMEMBERED_USERS = 1 << 19
"""Number of users whose hashes a worker remembers."""


class SplitShards(beam.DoFn):
    """Transform from a file to the shards that can be read independently; summaries on the side."""

    SUMMARIES = "summaries"

    def __init__(self, source: SourceConfig):
        self._source = source

    def process(self, shard: sources.InputShard) -> Iterator[Any]:
        """Splits one file of the source; see the class."""
        if self._source.format != "parquet":
            yield shard  # Gzip and quotes allow no jumping in.
            return
        try:
            shards, id_types = parquet.split_parquet(shard, self._source)
        except SourceError as error:
            yield beam.pvalue.TaggedOutput(self.SUMMARIES, summarize_error(error, shard.path))
            return
        yield from shards
        types = dict.fromkeys(id_types.items(), shard.path)
        yield beam.pvalue.TaggedOutput(self.SUMMARIES, Summary(id_types=types))


class ReadLog(beam.DoFn):
    """Transform from a shard to ``(partition, (place in the log, events))``; ids and summaries on the side.

    Bad rows go into a file of their own.
    """

    IDS, SUMMARIES = "ids", "summaries"

    def __init__(self, source: SourceConfig, partitions: int, salt: bytes, rejects_uri: str, staging: str):
        self._source = source
        self._partitions = partitions
        self._salt = salt
        self._rejects_uri = rejects_uri
        self._staging = staging

    def setup(self) -> None:
        """Remembers the hashes of users seen lately."""
        # Blocks of one log share most users, and HMAC is what ingest spends most time on.
        hash_user = identity.make_user_hasher(self._salt)
        self._hash_user = functools.lru_cache(maxsize=REMEMBERED_USERS)(hash_user)

    def process(self, shard: sources.InputShard) -> Iterator[Any]:
        """Reads one shard of the source; see the class."""
        path = f"{self._rejects_uri}/rejects-{shard.file:05d}-{shard.row_group:05d}.csv"
        spellings: dict[str, set[str]] = {}
        try:
            with rejects.RejectsWriter(shard.path, files.create_whole(path, self._staging)) as writer:
                for raw in readers.read_shard(shard, self._source):
                    parsed = self._parse(raw, shard)
                    writer.write(parsed.rejects)
                    for column, found in parsed.spellings.items():
                        spellings.setdefault(column, set()).update(found)
                    yield from self._outputs(parsed, shard, raw)
        except SourceError as error:
            yield beam.pvalue.TaggedOutput(self.SUMMARIES, summarize_error(error, shard.path))
        # A file that has both is not of one program that writes 5.0 for 5: its ids are what they are.
        types = {
            (column, kind): shard.path
            for column, found in spellings.items()
            for kind in found
            if kind == TWO_SPELLINGS or len(found - {TWO_SPELLINGS}) == 1
        }
        yield beam.pvalue.TaggedOutput(self.SUMMARIES, Summary(id_types=types))

    def _parse(self, raw: sources.RawBatch, shard: sources.InputShard) -> parsing.Parsed:
        if self._source.layout == "sequences":
            return sequence_files.parse_sequences(raw, self._source, self._hash_user, shard.file)
        return parsing.parse_events(raw, self._source, self._hash_user)

    def _outputs(self, parsed: parsing.Parsed, shard: sources.InputShard, raw: sources.RawBatch) -> Iterator[Any]:
        place = (shard.file << sources.ROW_BITS) | (int(raw.rows[0]) if len(raw.rows) else 0)
        for number, part in blocks.partition(parsed.events, self._partitions):
            yield number, (place, blocks.to_bytes(part))
        for kind, ids in (("items", parsed.items), ("scenes", parsed.scenes)):
            for number, part in split_id_map(ids, self._partitions):
                yield beam.pvalue.TaggedOutput(self.IDS, ((kind, number), blocks.to_bytes(part)))
        yield beam.pvalue.TaggedOutput(self.SUMMARIES, summarize_batch(parsed))


class WriteSequences(beam.DoFn):
    """Transform from ``(partition, its blocks)`` to a summary; writes a file of examples for each split."""

    def __init__(self, settings: IngestSettings, examples_uri: str, staging: str):
        self._settings = settings
        self._examples_uri = examples_uri
        self._staging = staging

    def process(self, element: tuple[int, Iterable[tuple[int, bytes]]]) -> Iterator[Summary]:
        """Processes one partition; see the class."""
        partition, parts = element
        config = self._settings.windows
        events = blocks.join_and_sort(parts, config.ties)
        tried = self._candidates(events)
        short_history = tried.history_length < config.min_history
        short_future = tried.future_length < config.min_future
        passed = ~(short_history | short_future)
        made = examples.shuffle(tried.select(passed), events)
        counts = {
            "users": len(windows.find_user_bounds(events["user_high"], events["user_low"])) - 1,
            "windows_tried": len(tried),
            "windows_short_history": short_history.sum(),
            "windows_short_future": (short_future & ~short_history).sum(),
            **{f"events_{name}": n for name, n in balance.classify(tried, passed, len(events["time"])).items()},
        }
        for number, split in enumerate(sequences.SPLITS):
            chosen = made.select(made.split == number)
            counts[f"sequences_{split}"] = len(chosen)
            if split == sequences.TEST:
                next_items = ties.count_next_items(chosen, events)
                counts |= {balance.TIED_TEST: (next_items > 1).sum(), balance.NEXT_ITEMS_TEST: next_items.sum()}
            if len(chosen):
                path = examples.locate_shard(self._examples_uri, split, partition, self._settings.partitions)
                examples.write_shard(path, self._staging, chosen, events)
        yield Summary({name: int(count) for name, count in counts.items()})

    def _candidates(self, events: blocks.Columns) -> windows.Windows:
        settings = self._settings
        if settings.source.layout == "sequences":
            ready = sequence_files.find_ready_windows(
                events["record"], events["is_future"], settings.windows.max_history
            )
            return ready.with_splits(splits.split_users(events["user_high"][ready.first], settings.split))
        bounds = windows.find_user_bounds(events["user_high"], events["user_low"])
        if settings.split.by == "last":
            return windows.cut_last(events["time"], bounds, settings.windows.min_history, settings.windows.max_history)
        user_splits = splits.split_users(events["user_high"][bounds[:-1]], settings.split)
        cuts = splits.plan_cuts(settings.windows, settings.split)
        return windows.cut_windows(events["time"], bounds, user_splits, cuts, settings.windows.max_history)


class WriteIdMap(beam.DoFn):
    """Transform from ``((kind, shard), its id maps)`` to a summary of ids that clash; writes a Parquet file."""

    def __init__(self, id_map_uri: str, staging: str):
        self._id_map_uri = id_map_uri
        self._staging = staging

    def process(self, element: tuple[tuple[str, int], Iterable[bytes]]) -> Iterator[Summary]:
        """Processes one partition; see the class."""
        (kind, number), parts = element
        merged, clashes = merge_id_map(blocks.from_bytes(parts))
        text = "Two {} have one fingerprint: {!r} and {!r}. Rename one of them in the log."
        clashing = frozenset(Problem("", text.format(kind, *clash)) for clash in clashes)
        yield Summary({kind: len(merged)}, problems=clashing)
        with files.create_whole(f"{self._id_map_uri}/{kind}-{number:05d}.parquet", self._staging) as file:
            pq.write_table(merged, file)


def merge_id_map(table: pa.Table) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Joins the id maps of the batches of a log.

    Args:
        table: columns of `schemas.catalogue.ID_MAP_COLUMNS`; an id may be repeated.

    Returns:
        Each pair once, by rising fingerprint, and the pairs of different ids that share a fingerprint.
    """
    # By fingerprint, then id: repeats stand side by side, and so do two ids with one fingerprint.
    table = table.take(pc.sort_indices(table, [("fingerprint", "ascending"), ("id", "ascending")])).combine_chunks()
    fingerprints, ids = table["fingerprint"].to_numpy(), table["id"]
    same_fingerprint = fingerprints[1:] == fingerprints[:-1]
    same_id = pc.equal(ids[1:], ids[:-1]).to_numpy() if len(fingerprints) > 1 else np.empty(0, bool)
    clashes = np.flatnonzero(same_fingerprint & ~same_id)
    pairs = [(ids[int(place)].as_py(), ids[int(place) + 1].as_py()) for place in clashes]
    first = np.append(True, ~same_fingerprint)[: len(fingerprints)]
    return table.filter(pa.array(first)), pairs


def split_id_map(id_map: pa.RecordBatch, shards: int) -> list[tuple[int, pa.RecordBatch]]:
    """Cuts an id map by fingerprint, so that equal fingerprints meet; empty shards are left out."""
    numbers = id_map.column(0).to_numpy() % shards
    parts = ((number, id_map.filter(pa.array(numbers == number))) for number in range(shards))
    return [(number, part) for number, part in parts if len(part)]


def summarize_error(error: SourceError, path: str) -> Summary:
    """Returns the summary of a file that cannot be used."""
    text = str(error)
    # The file's name stands apart, so that many files with one problem are told in one sentence.
    rest = text.removeprefix(path)
    return Summary(problems=frozenset({Problem(path, rest if rest != text else f": {text}")}))


def summarize_batch(parsed: parsing.Parsed) -> Summary:
    """Returns the summary of a batch of a log."""
    times = parsed.events.column(parsed.events.schema.get_field_index("time"))
    span = pc.min_max(times).as_py() if len(times) else None
    return Summary(
        counts={
            "rows_in": parsed.rows_in,
            "rows_rejected": parsed.rejects.num_rows,
            "rows_filtered": parsed.rows_filtered,
            "events_in": len(parsed.events) + parsed.events_rejected + parsed.rows_filtered,
            "events_rejected": parsed.events_rejected,
            "events_filtered": parsed.rows_filtered,
            "scenes_filled": parsed.scenes_filled,
        },
        rejected=rejects.count_details(parsed.rejects),
        times=(span["min"], span["max"]) if span else None,
    )


def write_summary(merged: Summary, path: str, staging: str) -> None:
    """Writes the summary of a log as JSON, so that the executor can read it after the run."""
    with files.create_whole(path, staging) as file:
        file.write(merged.to_json().encode())
