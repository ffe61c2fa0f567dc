"""Parsing: raw columns become checked, hashed events."""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.sequence_example_gen import rejects
from components.sequence_example_gen.casting import cast_to_text, find_nulls
from components.sequence_example_gen.sources import RawBatch
from components.sequence_example_gen.timestamps import Times, parse_timestamps
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
        rows_in: number of rows, good or bad.
        events_rejected: number of events in the bad rows.
    """

    events: pa.RecordBatch
    items: pa.RecordBatch
    scenes: pa.RecordBatch
    rejects: pa.Table
    rows_in: int
    events_rejected: int


@dataclasses.dataclass(frozen=True)
class Ids:
    """Column of ids as codes into its distinct values, so that each value is checked and hashed once.

    Attributes:
        codes: int [n], -1 where nothing was written.
        values: text [v]; null where it is not valid UTF-8.
    """

    codes: npt.NDArray[np.integer]
    values: pa.StringArray

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Rows whose id is null or empty: bool [n]."""
        empty = pc.fill_null(pc.equal(self.values, ""), False).to_numpy(zero_copy_only=False)
        return np.append(empty, True)[self.codes]

    @property
    def invalid(self) -> npt.NDArray[np.bool_]:
        """Rows whose id is not UTF-8: bool [n]."""
        return np.append(find_nulls(self.values), False)[self.codes]

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
        return Ids((np.cumsum(used) - 1)[codes], self.values.filter(pa.array(used)))


def parse_ids(array: pa.Array, name: str, trim: bool = False) -> Ids:
    """Encodes a column of ids [n]; `trim` drops blanks around each.

    Raises:
        SourceError: if the column holds neither text nor whole numbers.
    """
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    values = cast_to_text(encoded.dictionary, name)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return Ids(codes, pc.utf8_trim_whitespace(values) if trim else values)


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


def add_id_errors(errors: rejects.RowErrors, ids: Ids, name: str) -> None:
    """Marks rows whose id is missing, not UTF-8, holds a line break or a NUL, or is too long."""
    errors.add(ids.missing, rejects.MISSING_FIELD, f"column {name}: empty")
    errors.add(ids.invalid, rejects.INVALID_UTF8, f"column {name}: not valid UTF-8")
    for mask, reason, detail in ids.find_unfit(name):
        errors.add(mask, reason, detail)


def find_time_errors(times: Times, timestamp_format: str, name: str) -> list[tuple[npt.NDArray[np.bool_], str, str]]:
    """Returns what is wrong with a column of times: masks [n] with reason and detail."""
    return [
        (times.missing, rejects.MISSING_FIELD, f"column {name}: empty"),
        (times.unparsable, rejects.BAD_TIMESTAMP, f"column {name}: not a time in format {timestamp_format}"),
        (times.out_of_range, rejects.TIMESTAMP_OUT_OF_RANGE, f"column {name}: outside the years 1970 to 2100"),
    ]


def parse_events(raw: RawBatch, timestamp_format: str, hash_user: HashUser) -> Parsed:
    """Checks and hashes a batch of an event log.

    Args:
        raw: the four columns of `schemas.events.EVENT_COLUMNS` [n].
        timestamp_format: how times are written.
        hash_user: function from a user's raw id to its keyed hash.

    Returns:
        Good events and bad rows; a row is an event.

    Raises:
        SourceError: if a column has a type that cannot hold what it should.
    """
    errors = rejects.RowErrors(len(raw.rows))
    ids = {}
    for name in (events.USER_ID, events.ITEM_ID, events.SCENE_ID):
        ids[name] = parse_ids(raw.columns[name], name)
        add_id_errors(errors, ids[name], name)
    times = parse_timestamps(raw.columns[events.TIMESTAMP], timestamp_format, events.TIMESTAMP)
    for mask, reason, detail in find_time_errors(times, timestamp_format, events.TIMESTAMP):
        errors.add(mask, reason, detail)

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
        rows_in=len(raw.rows) + raw.rejects.num_rows,
        events_rejected=bad.num_rows,
    )


def _python_strings(values: pa.StringArray) -> list[str]:
    return values.to_numpy(zero_copy_only=False).tolist()  # Several times faster than to_pylist.
