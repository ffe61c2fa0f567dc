"""The test users that the report shows: whom it chooses, and what they did."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from model.evaluation.tasks import GROUPS
from schemas import sequences
from schemas.evaluation import GROUP_COLUMN, USER_COLUMN

USERS_A_GROUP = 500
"""As in Figure 4 of the paper."""

BATCH_SIZE = 4096

_READ = {
    "history_items": sequences.HISTORY_ITEM_IDS,
    "history_scenes": sequences.HISTORY_SCENE_IDS,
    "future_items": sequences.FUTURE_ITEM_IDS,
    "future_scenes": sequences.FUTURE_SCENE_IDS,
}

Int64s: TypeAlias = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class ShownUser:
    """One test sequence.

    Attributes:
        user: keyed hash of the user's id.
        group: one of `GROUPS`.
        history_items: int64 [history], fingerprints, oldest first.
        history_scenes: likewise.
        future_items: int64 [future], likewise.
        future_scenes: likewise.
    """

    user: str
    group: str
    history_items: Int64s
    history_scenes: Int64s
    future_items: Int64s
    future_scenes: Int64s


def choose_users(evaluated: pa.Table, most: int = USERS_A_GROUP) -> dict[str, str]:
    """Chooses users by chance, yet always the same ones: a keyed hash is a random number that stays.

    Args:
        evaluated: at least the columns ``user_id`` and ``group``, one row a test sequence.
        most: users of each group at most.

    Returns:
        The group of each chosen user by the user's hash, groups in the order of `GROUPS`, users in that of their
        hashes. A user of several sequences counts with the first.
    """
    groups: dict[str, str] = {}
    for user, group in zip(evaluated[USER_COLUMN].to_pylist(), evaluated[GROUP_COLUMN].to_pylist(), strict=True):
        groups.setdefault(user, group)
    chosen: dict[str, str] = {}
    for group in GROUPS:
        members = sorted(user for user, its_group in groups.items() if its_group == group)
        chosen |= dict.fromkeys(members[:most], group)
    return chosen


def read_users(pattern: str, groups: dict[str, str]) -> list[ShownUser]:
    """Reads the first sequence of some users.

    Args:
        pattern: glob of gzipped TFRecords of sequence examples.
        groups: of the wanted users, by hash.

    Returns:
        One of each, in the order of `groups`. Of all other sequences no more than the user is decoded.

    Raises:
        ValueError: if one of them has none.
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
        for user, columns in zip(wanted, _columns(records, list(wanted.values())), strict=True):
            found[user] = ShownUser(user, groups[user], **columns)
    lost = [user for user in groups if user not in found]
    if lost:
        raise ValueError(
            f"{pattern} has no sequence of {len(lost)} of the {len(groups)} users to show, such as {lost[0]}. Examples "
            "and evaluation must come from one run: run RankingEvaluator again."
        )
    return [found[user] for user in groups]


def example_users(users: Sequence[ShownUser], number: int) -> Iterator[ShownUser]:
    """Returns users of each group in turn, up to a number: the first of each group, not the best."""
    queues = [[user for user in users if user.group == group] for group in GROUPS]
    in_turn = (user for round_ in itertools.zip_longest(*queues) for user in round_ if user is not None)
    return itertools.islice(in_turn, number)


def _columns(records: tf.Tensor, places: list[int]) -> Iterator[dict[str, Int64s]]:
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in _READ.values()}
    parsed = tf.io.parse_example(tf.gather(records, tf.constant(places, tf.int64)), features)
    lists = {name: parsed[feature] for name, feature in _READ.items()}
    flat = {name: (events.flat_values.numpy(), events.row_splits.numpy()) for name, events in lists.items()}
    for row in range(len(places)):
        yield {name: values[splits[row] : splits[row + 1]] for name, (values, splits) in flat.items()}
