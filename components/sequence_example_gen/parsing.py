"""From raw columns to checked, hashed events."""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.sequence_example_gen import rejects
from components.sequence_example_gen.casting import as_text, null_mask
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

HashUser = Callable[[str], bytes]
"""From a user's raw id to the 16 bytes of `schemas.identity.user_hasher`."""


@dataclasses.dataclass(frozen=True)
class Parsed:
    """One batch of a log, checked.

    Attributes:
        events: good events in file order, as in `EVENTS` (sequence files: `sequence_files.SEQUENCE_EVENTS`).
        items: each item id of the good events once, as in `schemas.catalogue.ID_MAP_COLUMNS`.
        scenes: each scene id likewise.
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
    """A column of ids as codes into its distinct values, so that each value is checked and hashed once.

    Attributes:
        codes: int [n], -1 where nothing was written.
        values: text [v]; null where it is not valid UTF-8.
    """

    codes: npt.NDArray[np.integer]
    values: pa.StringArray

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Bool [n]: null or empty."""
        empty = pc.fill_null(pc.equal(self.values, ""), False).to_numpy(zero_copy_only=False)
        return np.append(empty, True)[self.codes]

    @property
    def invalid(self) -> npt.NDArray[np.bool_]:
        """Bool [n]: not UTF-8."""
        return np.append(null_mask(self.values), False)[self.codes]

    @property
    def broken(self) -> npt.NDArray[np.bool_]:
        """Bool [n]: holds a line break. Such a text is several lines of a log that were read as one, and no id."""
        broken = pc.fill_null(pc.match_substring_regex(self.values, LINE_BREAKS), False).to_numpy(zero_copy_only=False)
        return np.append(broken, False)[self.codes]

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
    values = as_text(encoded.dictionary, name)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return Ids(codes, pc.utf8_trim_whitespace(values) if trim else values)


def hash_users(users: Ids, hash_user: HashUser) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Returns both halves of each user's keyed hash, uint64 [n] each; all ids must be good."""
    joined = b"".join(map(hash_user, _python_strings(users.values)))
    halves = np.frombuffer(joined, ">u8").reshape(-1, 2).astype(np.uint64)
    return halves[users.codes, 0], halves[users.codes, 1]


def fingerprint_ids(ids: Ids) -> tuple[npt.NDArray[np.int64], pa.RecordBatch]:
    """Returns each id's fingerprint, int64 [n], and the id map of the distinct ids; all ids must be good."""
    prints = identity.fingerprints(_python_strings(ids.values))
    id_map = pa.RecordBatch.from_arrays([pa.array(prints), ids.values], schema=catalogue.ID_MAP_COLUMNS)
    return prints[ids.codes], id_map


def add_id_faults(faults: rejects.RowErrors, ids: Ids, name: str) -> None:
    """Marks rows whose id is missing, not UTF-8, or holds a line break."""
    faults.add(ids.missing, rejects.MISSING_FIELD, f"column {name}: empty")
    faults.add(ids.invalid, rejects.INVALID_UTF8, f"column {name}: not valid UTF-8")
    faults.add(ids.broken, rejects.LINE_BREAK_IN_ID, f"column {name}: an id with a line break")


def time_faults(times: Times, timestamp_format: str, name: str) -> list[tuple[npt.NDArray[np.bool_], str, str]]:
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
        hash_user: from a user's raw id to its keyed hash.

    Returns:
        Good events and bad rows; a row is an event.

    Raises:
        SourceError: if a column has a type that cannot hold what it should.
    """
    faults = rejects.RowErrors(len(raw.rows))
    ids = {}
    for name in (events.USER_ID, events.ITEM_ID, events.SCENE_ID):
        ids[name] = parse_ids(raw.columns[name], name)
        add_id_faults(faults, ids[name], name)
    times = parse_timestamps(raw.columns[events.TIMESTAMP], timestamp_format, events.TIMESTAMP)
    for mask, reason, detail in time_faults(times, timestamp_format, events.TIMESTAMP):
        faults.add(mask, reason, detail)

    good = faults.good
    ids = {name: column.filter(good) for name, column in ids.items()}
    item_prints, items = fingerprint_ids(ids[events.ITEM_ID])
    scene_prints, scenes = fingerprint_ids(ids[events.SCENE_ID])
    columns = [*hash_users(ids[events.USER_ID], hash_user), item_prints, scene_prints, times.microseconds[good]]
    bad = pa.concat_tables([raw.rejects, faults.rejects(raw.rows)])
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
