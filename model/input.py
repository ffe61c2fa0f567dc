"""From example files to batches of padded tensors."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from model.padding import distinct
from model.vocabulary import FingerprintTable
from schemas import sequences
from schemas.identity import PAD_FINGERPRINT

USER = "user"
HISTORY_ITEMS = "history_items"
HISTORY_SCENES = "history_scenes"
NEXT_ITEM = "next_item"
NEXT_SCENE = "next_scene"
FUTURE_ITEMS = "future_items"
FUTURE_SCENES = "future_scenes"

_READ = {
    HISTORY_ITEMS: sequences.HISTORY_ITEM_IDS,
    HISTORY_SCENES: sequences.HISTORY_SCENE_IDS,
    FUTURE_ITEMS: sequences.FUTURE_ITEM_IDS,
    FUTURE_SCENES: sequences.FUTURE_SCENE_IDS,
}


def fingerprint_batches(files: Sequence[str], batch_size: int) -> tf.data.Dataset:
    """Reads gzipped TFRecords of sequence examples, once and in order.

    Args:
        files: file names or globs.
        batch_size: sequences a batch; the last batch may be smaller.

    Returns:
        Batches of int64 fingerprints, padded with `PAD_FINGERPRINT` to the longest row of the batch:
        ``history_items``, ``history_scenes`` [batch, time], ``next_item``, ``next_scene`` [batch, 1] and
        ``future_items``, ``future_scenes`` [batch, targets], each distinct id of the future once.

    Raises:
        FileNotFoundError: if no file matches.
    """
    return _batches(tf.constant(_expand(files)), batch_size)


def evaluation_batches(files: Sequence[str], batch_size: int) -> tf.data.Dataset:
    """Reads as `fingerprint_batches` does, and also ``user``, string [batch], the user's hash.

    Raises:
        FileNotFoundError: if no file matches.
    """
    return _batches(tf.constant(_expand(files)), batch_size, parse=_parse_with_user)


def training_batches(
    files: Sequence[str], batch_size: int, *, seed: int, first_epoch: int, epochs: int
) -> tf.data.Dataset:
    """Reads sequence examples epoch after epoch, shuffled by seed and epoch alone, so that any epoch can be first.

    Args:
        files: file names or globs.
        batch_size: sequences a batch; an epoch's last batch is left out when it is not full.
        seed: of the shuffles.
        first_epoch: number of the first epoch, from 0.
        epochs: number of the epoch at which to end.

    Returns:
        Batches as those of `fingerprint_batches`.

    Raises:
        FileNotFoundError: if no file matches.
    """
    names = tf.constant(_expand(files))

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        shuffled = tf.random.experimental.stateless_shuffle(names, [seed, epoch])
        order = tf.random.stateless_uniform([], [seed, epoch], maxval=tf.int64.max, dtype=tf.int64)
        return _batches(shuffled, batch_size, shuffle_seed=order, drop_remainder=True)

    return tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_batches)


SHUFFLE_BUFFER = 20_000


def _expand(files: Sequence[str]) -> list[str]:
    names = sorted(name for pattern in files for name in tf.io.gfile.glob(pattern))
    if not names:
        raise FileNotFoundError(f"No example files match {list(files)}: has SequenceExampleGen written this split?")
    return names


def _batches(
    names: tf.Tensor,
    batch_size: int,
    shuffle_seed: tf.Tensor | None = None,
    drop_remainder: bool = False,
    parse: Callable[[tf.Tensor], dict[str, tf.Tensor]] | None = None,
) -> tf.data.Dataset:
    records = tf.data.Dataset.from_tensor_slices(names).interleave(
        lambda name: tf.data.TFRecordDataset(name, compression_type="GZIP"),
        cycle_length=8,
    )
    if shuffle_seed is not None:
        records = records.shuffle(SHUFFLE_BUFFER, seed=shuffle_seed, reshuffle_each_iteration=False)
    batches = records.batch(batch_size, drop_remainder=drop_remainder)
    return batches.map(parse or _parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def index_batches(
    batches: tf.data.Dataset, items: FingerprintTable, scenes: FingerprintTable, target: str = "period"
) -> tf.data.Dataset:
    """Turns fingerprints into catalogue indices, for training and validation.

    Args:
        batches: from `fingerprint_batches`.
        items: index of each item.
        scenes: index of each scene.
        target: ``period`` predicts all of the future; ``next`` only its first event.

    Returns:
        Batches of int32 indices: ``history_items``, ``history_scenes``, ``next_item``, ``next_scene``,
        ``future_items``, ``future_scenes``.
    """

    def index(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if target == "next":
            batch = {**batch, FUTURE_ITEMS: batch[NEXT_ITEM], FUTURE_SCENES: batch[NEXT_SCENE]}
        return {name: (items if "item" in name else scenes)(values) for name, values in batch.items()}

    return batches.map(index, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)


def _parse(records: tf.Tensor) -> dict[str, tf.Tensor]:
    features = {feature: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for feature in _READ.values()}
    ragged = tf.io.parse_example(records, features)
    batch = {name: ragged[feature].to_tensor(PAD_FINGERPRINT) for name, feature in _READ.items()}
    batch[NEXT_ITEM] = batch[FUTURE_ITEMS][:, :1]
    batch[NEXT_SCENE] = batch[FUTURE_SCENES][:, :1]
    for name in (FUTURE_ITEMS, FUTURE_SCENES):
        batch[name] = distinct(batch[name], PAD_FINGERPRINT)
    return batch


def _parse_with_user(records: tf.Tensor) -> dict[str, tf.Tensor]:
    user = tf.io.parse_example(records, {sequences.USER_ID: tf.io.FixedLenFeature([], tf.string)})
    return {**_parse(records), USER: user[sequences.USER_ID]}
