"""The test users that the report shows: whom it chooses, what they did, and what the model recommends to them."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from components.report.content import Event, ExampleUser, FutureEvent, Recommendation
from model.evaluation.tasks import GROUPS
from schemas import sequences
from schemas.evaluation import GROUP_COLUMN, USER_COLUMN
from schemas.identity import fingerprints

USERS_A_GROUP = 500
"""Most users of a group on the map, as in Figure 4 of the paper."""
EXAMPLES = 10
"""Number of users that are shown with their events."""
SHOWN_EVENTS = 10
"""Most events of a history (the latest) and of a future (the first), and most recommendations, that are shown."""

BATCH_SIZE = 4096

_READ = {
    "history_items": sequences.HISTORY_ITEM_IDS,
    "history_scenes": sequences.HISTORY_SCENE_IDS,
    "future_items": sequences.FUTURE_ITEM_IDS,
    "future_scenes": sequences.FUTURE_SCENE_IDS,
    "history_times": sequences.HISTORY_TIMESTAMPS,
    "cutoff": sequences.CUTOFF,
}

Int64s: TypeAlias = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class ShownUser:
    """A test sequence: fingerprints of the items and scenes of its events, oldest first.

    Attributes:
        user: keyed hash of the user's id.
        group: group by length of the history, one of `GROUPS`.
        history_items: int64 [history].
        history_scenes: int64 [history].
        future_items: int64 [future].
        future_scenes: int64 [future].
        history_times: int64 [history], unix seconds.
        cutoff: int64 [1], unix seconds, when it was asked what follows.
    """

    user: str
    group: str
    history_items: Int64s
    history_scenes: Int64s
    future_items: Int64s
    future_scenes: Int64s
    history_times: Int64s
    cutoff: Int64s

    def list_shown_events(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Returns the (item, scene) fingerprints of the events of history and future that are shown, oldest first."""
        history = zip(self.history_items.tolist(), self.history_scenes.tolist(), strict=True)
        future = zip(self.future_items.tolist(), self.future_scenes.tolist(), strict=True)
        return list(history)[-SHOWN_EVENTS:], list(future)[:SHOWN_EVENTS]


def choose_users(evaluated: pa.Table, most: int = USERS_A_GROUP) -> dict[str, str]:
    """Chooses users by chance, yet always the same ones: a keyed hash is a random number that stays.

    Args:
        evaluated: at least the columns ``user_id`` and ``group``, one row a test sequence.
        most: most users of a group.

    Returns:
        The group of each chosen user by the user's hash, groups in the order of `GROUPS`, users in the order of their
        hashes. A user of several sequences counts with the first one.
    """
    groups: dict[str, str] = {}
    for user, group in zip(evaluated[USER_COLUMN].to_pylist(), evaluated[GROUP_COLUMN].to_pylist(), strict=True):
        groups.setdefault(user, group)
    chosen: dict[str, str] = {}
    for group in GROUPS:
        members = sorted(user for user, of_user in groups.items() if of_user == group)
        chosen |= dict.fromkeys(members[:most], group)
    return chosen


def read_users(pattern: str, groups: Mapping[str, str]) -> list[ShownUser]:
    """Reads the first sequence of each of some users; of other sequences only the user is decoded.

    Args:
        pattern: glob of gzipped TFRecords of sequence examples.
        groups: group of each wanted user, by the user's hash.

    Returns:
        A sequence a user, in the order of `groups`.

    Raises:
        ValueError: if a user has no sequence.
    """
    found: dict[str, ShownUser] = {}
    names = sorted(tf.io.gfile.glob(pattern))
    for records in tf.data.TFRecordDataset(names, compression_type="GZIP").batch(BATCH_SIZE).prefetch(1):
        users = tf.io.parse_example(records, {sequences.USER_ID: tf.io.FixedLenFeature([], tf.string)})
        wanted: dict[str, int] = {}
        for place, raw in enumerate(users[sequences.USER_ID].numpy()):
            user = raw.decode()
            if user in groups and user not in found:
                wanted.setdefault(user, place)
        for user, columns in zip(wanted, _read_columns(records, list(wanted.values())), strict=True):
            found[user] = ShownUser(user, groups[user], **columns)
    missing = [user for user in groups if user not in found]
    if missing:
        raise ValueError(
            f"{pattern} has no sequence of {len(missing)} of the {len(groups)} users to show, such as {missing[0]}. "
            "Examples and evaluation must come from one run: run RankingEvaluator again."
        )
    return [found[user] for user in groups]


def _read_columns(records: tf.Tensor, places: list[int]) -> Iterator[dict[str, Int64s]]:
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in _READ.values()}
    parsed = tf.io.parse_example(tf.gather(records, tf.constant(places, tf.int64)), features)
    lists = {name: parsed[feature] for name, feature in _READ.items()}
    flat = {name: (events.flat_values.numpy(), events.row_splits.numpy()) for name, events in lists.items()}
    for row in range(len(places)):
        yield {name: values[splits[row] : splits[row + 1]] for name, (values, splits) in flat.items()}


def take_in_turn(users: Sequence[ShownUser], number: int) -> list[ShownUser]:
    """Returns users of each group in turn, up to a number: the first of each group, not the best."""
    queues = [[user for user in users if user.group == group] for group in GROUPS]
    in_turn = (user for round_ in itertools.zip_longest(*queues) for user in round_ if user is not None)
    return list(itertools.islice(in_turn, number))


def make_examples(
    users: Sequence[ShownUser],
    recommended: Iterable[Sequence[tuple[str, float]]],
    item_ids: Mapping[int, str],
    scene_ids: Mapping[int, str],
    names: Mapping[str, str],
) -> tuple[ExampleUser, ...]:
    """Returns what is shown of users; a recommendation is a hit if it is anywhere in the future, shown or not.

    Args:
        users: users to show.
        recommended: raw ids and scores of the items recommended to each user, best first.
        item_ids: raw ids of at least the items that are shown, by fingerprint.
        scene_ids: raw ids of at least the scenes that are shown, by fingerprint.
        names: names of the items that have one, by raw id.
    """
    examples = []
    for user, ranked in zip(users, recommended, strict=True):
        ranked_items = fingerprints([raw_id for raw_id, _ in ranked]).tolist()
        future_items = set(user.future_items.tolist())
        history, future = user.list_shown_events()
        examples.append(
            ExampleUser(
                user=user.user,
                group=user.group,
                history=tuple(
                    Event(item_ids[item], names.get(item_ids[item]), scene_ids[scene]) for item, scene in history
                ),
                history_length=len(user.history_items),
                recommended=tuple(
                    Recommendation(raw_id, names.get(raw_id), score, hit=item in future_items)
                    for (raw_id, score), item in zip(ranked, ranked_items, strict=True)
                ),
                truth=tuple(
                    FutureEvent(item_ids[item], names.get(item_ids[item]), scene_ids[scene], hit=item in ranked_items)
                    for item, scene in future
                ),
                future_length=len(user.future_items),
            )
        )
    return tuple(examples)
