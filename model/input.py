"""From example files to batches of padded tensors."""

from collections.abc import Sequence

import tensorflow as tf

from model.padding import distinct
from model.vocabulary import FingerprintTable
from schemas import sequences
from schemas.identity import PAD_FINGERPRINT

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


def fingerprint_batches(
    files: Sequence[str], batch_size: int, *, shuffle_seed: int | None = None, drop_remainder: bool = False
) -> tf.data.Dataset:
    """Reads gzipped TFRecords of sequence examples.

    Args:
        files: file names or globs.
        batch_size: sequences a batch.
        shuffle_seed: shuffles files and sequences, anew in every epoch, when given.
        drop_remainder: leaves out the last batch when it is not full.

    Returns:
        Batches of int64 fingerprints, padded with `PAD_FINGERPRINT` to the longest row of the batch:
        ``history_items``, ``history_scenes`` [batch, time], ``next_item``, ``next_scene`` [batch, 1] and
        ``future_items``, ``future_scenes`` [batch, targets], each distinct id of the future once.
    """
    names = tf.data.Dataset.list_files(list(files), shuffle=shuffle_seed is not None, seed=shuffle_seed)
    records = names.interleave(
        lambda name: tf.data.TFRecordDataset(name, compression_type="GZIP"),
        cycle_length=8,
        deterministic=True,
    )
    if shuffle_seed is not None:
        records = records.shuffle(SHUFFLE_BUFFER, seed=shuffle_seed)
    batches = records.batch(batch_size, drop_remainder=drop_remainder)
    return batches.map(_parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


SHUFFLE_BUFFER = 20_000


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
