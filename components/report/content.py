"""The content of a report, typed: what `report.json` holds and the page shows."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from reporting.environment import Origin
from schemas.evaluation import Evaluation
from schemas.training import TrainingHistory


@dataclasses.dataclass(frozen=True)
class SplitSize:
    """The size of a split, a row of the paper's Table 3.

    Attributes:
        split: name of the split, ``all`` for all of them together.
        sequences: number of sequences.
        events: number of events in histories and futures; with rolling windows an event counts in each window.
        mean_history: mean events of a history; None without sequences.
        mean_future: mean events of a future; None without sequences.
    """

    split: str
    sequences: int
    events: int
    mean_history: float | None
    mean_future: float | None


@dataclasses.dataclass(frozen=True)
class LengthHistogram:
    """How long sequences are, history and future together.

    Attributes:
        edges: events, rising.
        sequences: number of sequences in each bin [edge, next edge), so one fewer than `edges`.
        sampled: number of sequences that were measured.
    """

    edges: tuple[int, ...]
    sequences: tuple[int, ...]
    sampled: int


@dataclasses.dataclass(frozen=True)
class SceneShare:
    """A scene and its share of all events."""

    scene: str
    share: float


@dataclasses.dataclass(frozen=True)
class SceneSwitches:
    """How often a scene follows another.

    Attributes:
        scenes: scenes before and after a step.
        share: share of each next scene (column) given the scene (row); 0 in the row of a scene that nothing follows.
        switching: share of steps to a different scene.
    """

    scenes: tuple[str, ...]
    share: tuple[tuple[float, ...], ...]
    switching: float


@dataclasses.dataclass(frozen=True)
class EventAccounting:
    """What became of the events of the log; each counts once.

    Attributes:
        events_in: number of events that came in, the sum of the next six.
        kept: events that are in a sequence.
        beyond_max_history: events before the last ones of a long history.
        outside_windows: events outside all windows.
        filtered_users: events of users with too few events.
        filtered: events that `source.keep` leaves out.
        rejected: events that were rejected as bad rows.
        reasons: rejected events by reason.
    """

    events_in: int
    kept: int
    beyond_max_history: int
    outside_windows: int
    filtered_users: int
    filtered: int
    rejected: int
    reasons: Mapping[str, int]


EVENT_ACCOUNTING = {
    "kept": "kept in a sequence",
    "beyond_max_history": "before the last events of a long history",
    "outside_windows": "outside all windows",
    "filtered_users": "of users with too few events",
    "filtered": "left out by source.keep",
    "rejected": "rejected as bad rows",
}
"""What can become of an event of the log, as SequenceExampleGen counts it; each event counts once."""


@dataclasses.dataclass(frozen=True)
class DataStatistics:
    """What the data are.

    Attributes:
        table3: a row a split and one for all splits, as in the paper's Table 3.
        items: number of items in the catalogue.
        scenes: number of scenes in the catalogue.
        density: events divided by sequences times items; None without sequences or items.
        lengths: lengths of train sequences.
        scene_shares: the most frequent scenes first, the other scenes together last.
        switches: steps between scenes within train sequences.
        sampled_sequences: number of train sequences behind the three before.
        balance: what became of the events of the log.
    """

    table3: tuple[SplitSize, ...]
    items: int
    scenes: int
    density: float | None
    lengths: LengthHistogram
    scene_shares: tuple[SceneShare, ...]
    switches: SceneSwitches
    sampled_sequences: int
    balance: EventAccounting


@dataclasses.dataclass(frozen=True)
class MapPoint:
    """A user on the map: where, and of which group."""

    x: float
    y: float
    group: str


@dataclasses.dataclass(frozen=True)
class UserMap:
    """A map of users.

    Attributes:
        method: how places were found, in words.
        points: one a user; none if there are too few users.
    """

    method: str
    points: tuple[MapPoint, ...]


@dataclasses.dataclass(frozen=True)
class Event:
    """An event of an example user: raw id of the item, its name if it has one, and raw id of the scene."""

    item: str
    name: str | None
    scene: str


@dataclasses.dataclass(frozen=True)
class FutureEvent(Event):
    """An event of the future; `hit` tells whether its item was recommended."""

    hit: bool


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """A recommended item; `hit` tells whether it is anywhere in the future."""

    item: str
    name: str | None
    score: float
    hit: bool


@dataclasses.dataclass(frozen=True)
class ExampleUser:
    """A test user.

    Attributes:
        user: keyed hash of the user's id.
        group: group by length of the history.
        history: the last events before the cutoff, oldest first.
        history_length: number of all events of the history.
        recommended: what the model recommends, best first.
        truth: the first events after the cutoff, oldest first.
        future_length: number of all events of the future.
    """

    user: str
    group: str
    history: tuple[Event, ...]
    history_length: int
    recommended: tuple[Recommendation, ...]
    truth: tuple[FutureEvent, ...]
    future_length: int


@dataclasses.dataclass(frozen=True)
class ReportContent:
    """All that a report tells of a run.

    Attributes:
        name: name of the run.
        data: what the data are.
        training: what was measured in training.
        evaluation: what was measured on the test split.
        users: a map of test users; None for a method without a representation of users.
        examples: test users with what they did and what the model recommends.
        origin: configuration, code and libraries.
    """

    name: str
    data: DataStatistics
    training: TrainingHistory
    evaluation: Evaluation
    users: UserMap | None
    examples: tuple[ExampleUser, ...]
    origin: Origin

    def to_json(self) -> dict[str, Any]:
        """Returns the content of `report.json`."""
        return {**dataclasses.asdict(self), "evaluation": self.evaluation.to_json()}
