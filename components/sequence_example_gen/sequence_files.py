"""Sequence files: the seven fields of the paper (appendix B), already cut; checked and hashed like event logs."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from components.sequence_example_gen import rejects
from components.sequence_example_gen.casting import cast_or_null, find_nulls, is_text
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.parsing import (
    EVENTS,
    HashUser,
    Parsed,
    find_id_errors,
    find_time_errors,
    fingerprint_ids,
    hash_users,
    parse_ids,
)
from components.sequence_example_gen.sources import ROW_BITS, RawBatch
from components.sequence_example_gen.timestamps import parse_timestamps
from components.sequence_example_gen.windows import Windows, part_at
from schemas import sequences

SEQUENCE_EVENTS = EVENTS.append(pa.field("record", pa.int64())).append(pa.field("is_future", pa.bool_()))
"""Good events of sequence files: the record that each belongs to, and whether it lies in the future."""


def parse_sequences(raw: RawBatch, source: SourceConfig, hash_user: HashUser, file: int) -> Parsed:
    """Checks and hashes a batch of sequences; one bad element rejects its whole row.

    Args:
        raw: the seven fields [n]; the last six are lists, or text with commas between the elements.
        source: how times are written.
        hash_user: function from a user's raw id to its keyed hash.
        file: place of the file among the log's files.

    Returns:
        Good events (list elements) of all rows, history and future, and bad rows.

    Raises:
        SourceError: if a column has a type that cannot hold what it should.
    """
    size = len(raw.rows)
    errors = rejects.RowErrors(size)
    users = parse_ids(raw.columns[sequences.USER_ID], sequences.USER_ID)
    errors.add_all(find_id_errors(users, sequences.USER_ID))
    lists = {}
    for name in (*sequences.HISTORY_FEATURES, *sequences.FUTURE_FEATURES):
        lists[name], undecodable = _as_lists(raw.columns[name])
        errors.add(undecodable, rejects.INVALID_UTF8, f"column {name}: not valid UTF-8")
    parts = [_Part(names, lists, source, size) for names in (sequences.HISTORY_FEATURES, sequences.FUTURE_FEATURES)]
    for part in parts:
        part.add_errors(errors)
    counts = parts[0].lengths + parts[1].lengths
    errors.add(counts == 0, rejects.MISSING_FIELD, "neither a history nor a future")

    good = errors.good
    high, low = hash_users(users.filter(good), hash_user)
    columns = [part.select(good) for part in parts]
    rows, items, scenes, times = (
        np.concatenate(pair) if i in (0, 3) else pair for i, pair in enumerate(zip(*columns, strict=False))
    )
    item_fingerprints, item_map = fingerprint_ids(parse_ids(pa.concat_arrays(items), "item", trim=True))
    scene_fingerprints, scene_map = fingerprint_ids(parse_ids(pa.concat_arrays(scenes), "scene", trim=True))
    place = np.cumsum(good) - 1  # of each good row among the good ones
    is_future = np.repeat([False, True], [len(column[0]) for column in columns])
    record = (file << ROW_BITS) | raw.rows[rows]
    arrays = [high[place[rows]], low[place[rows]], item_fingerprints, scene_fingerprints, times, record, is_future]
    unread = raw.rejects.num_rows  # Rows that gave no lists stand for one event each, so that the balance shows them.
    return Parsed(
        events=pa.RecordBatch.from_arrays([pa.array(array) for array in arrays], schema=SEQUENCE_EVENTS),
        items=item_map,
        scenes=scene_map,
        rejects=pa.concat_tables([raw.rejects, errors.rejects(raw.rows)]),
        rows_in=size + unread,
        events_rejected=int(np.maximum(counts[~good], 1).sum()) + unread,
    )


def find_ready_windows(records: npt.NDArray[np.int64], is_future: npt.NDArray[np.bool_], max_history: int) -> Windows:
    """Finds the sequences in events that are already cut.

    Args:
        records: int64 [n], rising: each record's events side by side, history before future.
        is_future: bool [n].
        max_history: the last this many history events are kept.

    Returns:
        One candidate a record, all with split 0; `cutoff` is the record's number.
    """
    start = np.flatnonzero(np.append(True, records[1:] != records[:-1]) if len(records) else np.empty(0, bool))
    stop = np.append(start[1:], len(records)).astype(np.int64)[: len(start)]
    future = np.concatenate([[0], np.cumsum(is_future)])
    middle = stop - (future[stop] - future[start])
    return part_at(middle, start, records[start], np.zeros(len(start), np.int64), start, stop, max_history)


class _Part:
    """The history or the future of a batch: three lists a row, flattened."""

    def __init__(self, names: tuple[str, str, str], lists: dict[str, pa.Array], source: SourceConfig, size: int):
        self._names = names
        self._source = source
        lengths = [pc.list_value_length(lists[name]).to_numpy(zero_copy_only=False).astype(np.int64) for name in names]
        self._rows = [np.repeat(np.arange(size), length) for length in lengths]
        self.lengths = lengths[0]
        self._misaligned = (lengths[0] != lengths[1]) | (lengths[0] != lengths[2])
        self._items, self._scenes, times = (lists[name].flatten() for name in names)
        if is_text(times.type):
            times = pc.utf8_trim_whitespace(cast_or_null(times.cast(pa.binary()), pa.string()))
        self._times = parse_timestamps(times, source, names[2])

    def add_errors(self, errors: rejects.RowErrors) -> None:
        """Marks the rows with lists of different lengths or with a bad element."""
        size = len(self.lengths)

        def per_row(mask: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
            return np.bincount(rows[mask], minlength=size) > 0

        detail = f"columns {', '.join(self._names)}: lists of different lengths"
        errors.add(self._misaligned, rejects.MISALIGNED_LISTS, detail)
        for name, values, rows in zip(self._names, (self._items, self._scenes), self._rows, strict=False):
            for mask, reason, detail in find_id_errors(parse_ids(values, name, trim=True), name):
                errors.add(per_row(mask, rows), reason, detail)
        for mask, reason, detail in find_time_errors(self._times, self._source, self._names[2]):
            errors.add(per_row(mask, self._rows[2]), reason, detail)

    def select(self, good: npt.NDArray[np.bool_]) -> tuple[npt.NDArray, pa.Array, pa.Array, npt.NDArray]:
        """Returns row, item, scene and time of each element of the good rows, where the lists are aligned."""
        items, scenes, times = (good[rows] for rows in self._rows)
        return (
            self._rows[0][items],
            self._items.filter(pa.array(items)),
            self._scenes.filter(pa.array(scenes)),
            self._times.microseconds[times],
        )


def _as_lists(array: pa.Array) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """Returns lists [n] (null becomes empty), and which rows are not UTF-8; text is split at its commas."""
    undecodable = np.zeros(len(array), bool)
    if not (pt.is_list(array.type) or pt.is_large_list(array.type)):
        absent = find_nulls(array)
        if is_text(array.type):
            array = cast_or_null(array.cast(pa.binary()), pa.string())
            undecodable = find_nulls(array) & ~absent
        text = pc.utf8_trim_whitespace(array.cast(pa.string()))
        # Splitting "" would give one empty element, not none.
        array = pc.split_pattern(pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text), ",")
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, array.flatten()), undecodable
