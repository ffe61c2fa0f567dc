"""Profile of a log: its size, its times, and how its users behave; read by the readers of the ingest."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from components.sequence_example_gen import parquet, parsing, readers, rejects, sources
from components.sequence_example_gen.column_types import describe_two_spellings
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.windows import find_user_bounds
from schemas.identity import DEMO_SALT, make_user_hasher

MOST_ROWS = 10_000_000
"""Rows that are read; of a larger log only files or row groups spread over it are read, up to this number."""

MOST_HELD_EVENTS = 4_000_000
"""Events that are held at once, 24 bytes each; of more, the users are sampled."""

MOST_HELD_IDS = 50_000_000

_REMEMBERED_USERS = 1 << 19

Int64s: TypeAlias = npt.NDArray[np.int64]
UInt64s: TypeAlias = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True)
class UserEvents:
    """Events of all users, or of a sample of them, sorted by user and time.

    Attributes:
        users: uint64 [n], half of the hash of each event's user.
        items: int64 [n], fingerprints.
        times: int64 [n], unix microseconds.
        user_share: share of the users that are in it; 1 for all.
    """

    users: UInt64s
    items: Int64s
    times: Int64s
    user_share: float

    @functools.cached_property
    def bounds(self) -> Int64s:
        """Where each user's events begin, and the end: int64 [users + 1]."""
        return find_user_bounds(self.users, self.users)

    @property
    def events_per_user(self) -> Int64s:
        """Number of events of each user: int64 [users]."""
        return np.diff(self.bounds)

    @functools.cached_property
    def tie_share(self) -> float:
        """Share of the events that share user and time with another event."""
        same = (self.users[1:] == self.users[:-1]) & (self.times[1:] == self.times[:-1])
        return float(np.mean(np.append(same, False) | np.append(False, same))) if len(self.times) else 0.0

    @functools.cached_property
    def repeat_share(self) -> float:
        """Share of the events that are about an item which their user had before."""
        order = np.lexsort((self.items, self.users))
        users, items = self.users[order], self.items[order]
        return float(np.sum((users[1:] == users[:-1]) & (items[1:] == items[:-1])) / max(len(users), 1))


@dataclasses.dataclass(frozen=True)
class LogProfile:
    """What a log holds.

    Attributes:
        rows: number of rows that were read.
        rejected: rejected rows by reason and detail.
        first_time: that of the first event, unix microseconds.
        last_time: that of the last event, unix microseconds.
        items: number of items.
        scenes: number of scenes.
        users: events of the users, or of a sample of them.
        read_share: share of the log's files or row groups that were read; 1 for all.
        bad_files: files most of whose rows are bad.
        warnings: what a person should know of the ids, in sentences.
    """

    rows: int
    rejected: Mapping[tuple[str, str], int]
    first_time: int
    last_time: int
    items: int
    scenes: int
    users: UserEvents
    read_share: float
    bad_files: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def events(self) -> int:
        """Number of good events."""
        return self.rows - sum(self.rejected.values())

    @property
    def bad_share(self) -> float:
        """Share of the rows that are bad."""
        return sum(self.rejected.values()) / max(self.rows, 1)

    @property
    def number_of_users(self) -> int:
        """Number of users; an estimate where they were sampled."""
        return round(len(self.users.events_per_user) / self.users.user_share)


def profile_log(source: SourceConfig) -> LogProfile | None:
    """Reads a log and measures it.

    Memory is bounded, whatever the log's size: of many events a sample of the users is kept. So is time: of many rows
    a part is read.

    Returns:
        The profile; None if no row holds an event.

    Raises:
        SourceError: if the log cannot be read.
    """
    shards = sources.list_shards(source)
    if source.format == "parquet":
        shards = [part for shard in shards for part in parquet.split_parquet(shard, source)[0]]
    hash_user = functools.lru_cache(_REMEMBERED_USERS)(make_user_hasher(DEMO_SALT.encode()))
    held, items, scenes = _HeldEvents(), _DistinctIds(), _DistinctIds()
    rejected: Counter[tuple[str, str]] = Counter()
    rows_by_file: Counter[str] = Counter()
    bad_by_file: Counter[str] = Counter()
    id_types: dict[tuple[str, str], str] = {}
    times: list[int] = []
    rows = done = 0
    for shard in _spread(shards):
        for parsed in _parse(shard, source, hash_user):
            rows += parsed.rows_in
            rows_by_file[shard.path] += parsed.rows_in
            bad_by_file[shard.path] += parsed.rejects.num_rows
            for column, found in parsed.spellings.items():
                id_types |= {(column, kind): shard.path for kind in found if (column, kind) not in id_types}
            rejected.update(rejects.count_details(parsed.rejects))
            if len(parsed.events):
                users, item_ids, moments = (parsed.events[name].to_numpy() for name in ("user_high", "item", "time"))
                held.add(users, item_ids, moments)
                items.add(parsed.items["fingerprint"].to_numpy())
                scenes.add(parsed.scenes["fingerprint"].to_numpy())
                times = [min([*times, int(moments.min())]), max([*times, int(moments.max())])]
            if rows >= MOST_ROWS:
                break
        if rows >= MOST_ROWS:
            break
        done += 1
    if not times:
        return None
    first, last = times
    share = done / len(shards) if rows >= MOST_ROWS else 1.0
    bad = tuple(sorted(path for path, number in bad_by_file.items() if number * 2 > rows_by_file[path]))
    return LogProfile(
        rows,
        dict(rejected),
        first,
        last,
        items.count(),
        scenes.count(),
        held.sort(),
        share,
        bad,
        tuple(describe_two_spellings(id_types)),
    )


def _parse(shard: sources.InputShard, source: SourceConfig, hash_user: parsing.HashUser) -> Iterator[parsing.Parsed]:
    for raw in readers.read_shard(shard, source):
        yield parsing.parse_events(raw, source, hash_user)


def _spread(shards: list[sources.InputShard]) -> list[sources.InputShard]:
    """Returns shards in an order in which the first few of them lie all over the log (van der Corput)."""
    bits = max(len(shards) - 1, 1).bit_length()
    return [shards[place] for place in sorted(range(len(shards)), key=lambda place: f"{place:0{bits}b}"[::-1])]


class _HeldEvents:
    """Events of users, of ever fewer users when they get too many."""

    def __init__(self) -> None:
        self._parts: list[tuple[UInt64s, Int64s, Int64s]] = []
        self._size = 0
        self._halvings = 0

    def add(self, users: UInt64s, items: Int64s, times: Int64s) -> None:
        part = self._sample((users, items, times))
        self._parts.append(part)
        self._size += len(part[0])
        while self._size > MOST_HELD_EVENTS:
            self._halvings += 1
            self._parts = [self._sample(part) for part in self._parts]
            self._size = sum(len(part[0]) for part in self._parts)

    def _sample(self, part: tuple[UInt64s, Int64s, Int64s]) -> tuple[UInt64s, Int64s, Int64s]:
        if not self._halvings:
            return part
        chosen = part[0] >> np.uint64(64 - self._halvings) == 0
        return part[0][chosen], part[1][chosen], part[2][chosen]

    def sort(self) -> UserEvents:
        users, items, times = (np.concatenate(columns) for columns in zip(*self._parts, strict=True))
        self._parts = []
        order = np.lexsort((times, users))
        return UserEvents(users[order], items[order], times[order], 0.5**self._halvings)


class _DistinctIds:
    """Set of fingerprints that stops growing at `MOST_HELD_IDS`."""

    def __init__(self) -> None:
        self._known = np.empty(0, np.int64)
        self._new: list[Int64s] = []
        self._size = 0

    def add(self, fingerprints: Int64s) -> None:
        if len(self._known) >= MOST_HELD_IDS:
            return
        self._new.append(fingerprints)
        self._size += len(fingerprints)
        if self._size > max(len(self._known), 1_000_000):
            self._merge()

    def count(self) -> int:
        self._merge()
        return len(self._known)

    def _merge(self) -> None:
        self._known = np.unique(np.concatenate([self._known, *self._new]))
        self._new, self._size = [], 0
