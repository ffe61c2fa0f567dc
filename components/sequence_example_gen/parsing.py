"""Parsing: raw columns become checked, hashed events."""

import dataclasses
from collections.abc import Callable, Mapping, Set

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.sequence_example_gen import rejects
from components.sequence_example_gen.casting import TEXT, cast_to_text, classify_ids, encode, find_missing
from components.sequence_example_gen.column_types import classify_spelling
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.row_filter import find_kept_rows
from components.sequence_example_gen.sources import RawBatch, select_columns
from components.sequence_example_gen.timestamps import Times, describe_format, parse_timestamps
from schemas import catalogue, events, identity

EVENTS = pa.schema(
    [
        ("user_high", pa.uint64()),
        ("user_low", pa.uint64()),
        ("item", pa.int64()),
        ("scene", pa.int64()),
        ("time", pa.int64()),
    ]
)
"""Good events: both halves of the user's hash, fingerprints, unix microseconds."""

LINE_BREAKS = "[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]"
"""Pattern of the characters at which `str.splitlines` breaks a text."""

ONLY_SCENE = "all"
"""The scene of all events of a log without scenes."""

MAX_ID_BYTES = 512
"""Longest id, in UTF-8: a longer text is no name but content, or several fields that were read as one."""

HashUser = Callable[[str], bytes]
"""Function from a user's raw id to the 16 bytes of `schemas.identity.make_user_hasher`."""


@dataclasses.dataclass(frozen=True)
class Parsed:
    """A checked batch of a log.

    Attributes:
        events: good events in file order, as in `EVENTS` (sequence files: `sequence_files.SEQUENCE_EVENTS`).
        items: each item id of the good events once, as in `schemas.catalogue.ID_MAP_COLUMNS`.
        scenes: each scene id of the good events once, in the same columns.
        rejects: the bad rows, as in `rejects.REJECTS`.
        rows_in: number of rows: good, bad or filtered.
        events_rejected: number of events in the bad rows.
        rows_filtered: number of rows that `source.keep` leaves out.
        scenes_filled: number of good events that got `source.missing_scene`.
        spellings: how whole numbers are spelled in each column of ids that holds text, see `column_types`.
    """

    events: pa.RecordBatch
    items: pa.RecordBatch
    scenes: pa.RecordBatch
    rejects: pa.Table
    rows_in: int
    events_rejected: int
    rows_filtered: int = 0
    scenes_filled: int = 0
    spellings: Mapping[str, Set[str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Ids:
    """Column of ids as codes into its distinct values, so that each value is checked and hashed once.

    Attributes:
        codes: int [n], -1 where nothing was written.
        values: text [v]; null where it is not valid UTF-8, or a number that cannot be an id.
        are_text: whether the column holds text.
    """

    codes: npt.NDArray[np.integer]
    values: pa.StringArray
    are_text: bool = True

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Rows whose id is null or empty: bool [n]."""
        empty = pc.fill_null(pc.equal(self.values, ""), False).to_numpy(zero_copy_only=False)
        return np.append(empty, True)[self.codes]

    @property
    def invalid(self) -> npt.NDArray[np.bool_]:
        """Rows whose value is no id: bool [n]."""
        return self._spread(pc.is_null(self.values))

    def find_unfit(self, name: str) -> list[tuple[npt.NDArray[np.bool_], str, str]]:
        """Returns which texts are no ids: masks [n] with reason and detail.

        A text with a line break, or too long, is several lines or fields of a log that were read as one, and may hold
        a user. Fingerprints are not made of texts with a NUL.

        Args:
            name: the column's name, for the detail.
        """
        unfit = (
            (pc.match_substring_regex(self.values, LINE_BREAKS), rejects.LINE_BREAK_IN_ID, "an id with a line break"),
            (pc.match_substring(self.values, "\0"), rejects.NUL_IN_ID, "an id with a NUL"),
            (
                pc.greater(pc.binary_length(self.values), MAX_ID_BYTES),
                rejects.ID_TOO_LONG,
                f"an id longer than {MAX_ID_BYTES} bytes",
            ),
        )
        return [(self._spread(mask), reason, f"column {name}: {detail}") for mask, reason, detail in unfit]

    def _spread(self, mask: pa.BooleanArray) -> npt.NDArray[np.bool_]:
        """Returns for each row [n] what a mask [v] says of its value; null and no value say False."""
        return np.append(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), False)[self.codes]

    def filter(self, mask: npt.NDArray[np.bool_]) -> "Ids":
        """Returns the ids of a mask [n], without the values that no longer occur."""
        codes = self.codes[mask]
        used = np.zeros(len(self.values), bool)
        used[codes] = True
        return Ids((np.cumsum(used) - 1)[codes], self.values.filter(pa.array(used)), self.are_text)

    def fill_missing(self, value: str) -> "Ids":
        """Returns the ids with a value where there is none."""
        values = pa.concat_arrays([self.values, pa.array([value], pa.string())])
        return Ids(np.where(self.missing, len(values) - 1, self.codes), values, self.are_text)


def parse_ids(array: pa.Array, name: str, trim: bool = False) -> Ids:
    """Encodes a column of ids [n]; `trim` drops blanks around each.

    Raises:
        SourceError: if the column holds no ids.
    """
    encoded = encode(array)
    values = cast_to_text(encoded.dictionary, name)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    missing = find_missing(encoded.dictionary)
    if missing.any():
        codes = np.where(np.append(missing, True)[codes], -1, codes)
    are_text = classify_ids(encoded.dictionary.type) == TEXT
    return Ids(codes, pc.utf8_trim_whitespace(values) if trim else values, are_text)


def hash_users(users: Ids, hash_user: HashUser) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Returns both halves of each user's keyed hash, uint64 [n] each; all ids must be good."""
    joined = b"".join(map(hash_user, _python_strings(users.values)))
    halves = np.frombuffer(joined, ">u8").reshape(-1, 2).astype(np.uint64)
    return halves[users.codes, 0], halves[users.codes, 1]


def fingerprint_ids(ids: Ids) -> tuple[npt.NDArray[np.int64], pa.RecordBatch]:
    """Returns each id's fingerprint, int64 [n], and the id map of the distinct ids; all ids must be good."""
    fingerprints = identity.fingerprints(_python_strings(ids.values))
    id_map = pa.RecordBatch.from_arrays([pa.array(fingerprints), ids.values], schema=catalogue.ID_MAP_COLUMNS)
    return fingerprints[ids.codes], id_map


def find_id_errors(ids: Ids, name: str) -> list[tuple[npt.NDArray[np.bool_], str, str]]:
    """Returns what is wrong with a column of ids: masks [n] with reason and detail."""
    reason, detail = rejects.INVALID_UTF8, "not valid UTF-8"
    if not ids.are_text:
        reason, detail = rejects.WRONG_TYPE, "a number that is not whole, or too large for its type to hold exactly"
    return [
        (ids.missing, rejects.MISSING_FIELD, f"column {name}: empty"),
        (ids.invalid, reason, f"column {name}: {detail}"),
        *ids.find_unfit(name),
    ]


def find_time_errors(times: Times, source: SourceConfig, name: str) -> list[tuple[npt.NDArray[np.bool_], str, str]]:
    """Returns what is wrong with a column of times: masks [n] with reason and detail."""
    return [
        (times.missing, rejects.MISSING_FIELD, f"column {name}: empty"),
        (times.unparsable, rejects.BAD_TIMESTAMP, f"column {name}: not a time in {describe_format(source)}"),
        (times.out_of_range, rejects.TIMESTAMP_OUT_OF_RANGE, f"column {name}: outside the years 1970 to 2100"),
    ]


def parse_events(raw: RawBatch, source: SourceConfig, hash_user: HashUser) -> Parsed:
    """Filters, checks and hashes a batch of an event log.

    Args:
        raw: the columns of `sources.select_columns` [n].
        source: which rows to keep, what stands for a missing scene, how times are written.
        hash_user: function from a user's raw id to its keyed hash.

    Returns:
        Good events and bad rows; a row is an event.

    Raises:
        SourceError: if a column has a type that cannot hold what it should.
    """
    rows_in = len(raw.rows) + raw.rejects.num_rows
    kept = find_kept_rows(raw.columns, source)
    raw = raw if kept.all() else raw.filter(kept)
    names = select_columns(source)
    errors = rejects.RowErrors(len(raw.rows))
    ids = _parse_all_ids(raw, source)
    filled = np.zeros(len(raw.rows), bool)
    if source.missing_scene:
        filled = ids[events.SCENE_ID].missing
        ids[events.SCENE_ID] = ids[events.SCENE_ID].fill_missing(source.missing_scene)
    for field, column in ids.items():
        errors.add_all(find_id_errors(column, names.get(field, field)))
    times = parse_timestamps(raw.columns[events.TIMESTAMP], source, names[events.TIMESTAMP])
    errors.add_all(find_time_errors(times, source, names[events.TIMESTAMP]))

    good = errors.good
    ids = {name: column.filter(good) for name, column in ids.items()}
    item_fingerprints, items = fingerprint_ids(ids[events.ITEM_ID])
    scene_fingerprints, scenes = fingerprint_ids(ids[events.SCENE_ID])
    columns = [
        *hash_users(ids[events.USER_ID], hash_user),
        item_fingerprints,
        scene_fingerprints,
        times.microseconds[good],
    ]
    bad = pa.concat_tables([raw.rejects, errors.rejects(raw.rows)])
    return Parsed(
        events=pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=EVENTS),
        items=items,
        scenes=scenes,
        rejects=bad,
        rows_in=rows_in,
        events_rejected=bad.num_rows,
        rows_filtered=rows_in - len(raw.rows) - raw.rejects.num_rows,
        scenes_filled=int((filled & good).sum()),
        spellings={names[field]: classify_spelling(ids[field].values) for field in names if _holds_text(ids, field)},
    )


def _holds_text(ids: Mapping[str, Ids], field: str) -> bool:
    return field in ids and ids[field].are_text


def _parse_all_ids(raw: RawBatch, source: SourceConfig) -> dict[str, Ids]:
    """Returns user, item and scene of each row; all are in one scene where the log has none."""
    columns = select_columns(source)
    fields = [field for field in (events.USER_ID, events.ITEM_ID, events.SCENE_ID) if field in columns]
    ids = {field: parse_ids(raw.columns[field], columns[field]) for field in fields}
    if events.SCENE_ID not in ids:
        only = pa.array([ONLY_SCENE], pa.string())
        ids[events.SCENE_ID] = Ids(np.zeros(len(raw.rows), np.int64), only)
    return ids


def _python_strings(values: pa.StringArray) -> list[str]:
    return values.to_numpy(zero_copy_only=False).tolist()  # Several times faster than to_pylist.
