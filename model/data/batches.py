"""Batches of padded tensors, read from example files."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from model.data.padding import distinct, take_next
from model.data.prefixes import cut, draw_cuts
from model.data.vocabulary import FingerprintTable
from model.data.windows import keep_first_days, keep_first_events
from model.questions import PERIOD, read_window
from schemas import sequences
from schemas.identity import PAD_FINGERPRINT

USER = "user"
HISTORY_ITEMS = "history_items"
HISTORY_SCENES = "history_scenes"
NEXT_ITEM = "next_item"
NEXT_SCENE = "next_scene"
FUTURE_ITEMS = "future_items"
FUTURE_SCENES = "future_scenes"
FUTURE_ITEM_SEQUENCE = "future_item_sequence"
FUTURE_SCENE_SEQUENCE = "future_scene_sequence"
HISTORY_TIMES = "history_times"
FUTURE_TIMES = "future_times"

CUTOFF = "cutoff"

_ORDER = (FUTURE_ITEM_SEQUENCE, FUTURE_SCENE_SEQUENCE, FUTURE_TIMES)
"""What tells the order of the future, and which of its events happened at one time."""
_TIMES = (HISTORY_TIMES, FUTURE_TIMES, CUTOFF)

SHUFFLE_BUFFER = 20_000
"""Number of sequences among which the next one of an epoch is drawn."""

_READ = {
    HISTORY_ITEMS: sequences.HISTORY_ITEM_IDS,
    HISTORY_SCENES: sequences.HISTORY_SCENE_IDS,
    FUTURE_ITEMS: sequences.FUTURE_ITEM_IDS,
    FUTURE_SCENES: sequences.FUTURE_SCENE_IDS,
    HISTORY_TIMES: sequences.HISTORY_TIMESTAMPS,
    FUTURE_TIMES: sequences.FUTURE_TIMESTAMPS,
}


def targets_of(question: str, batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the items and scenes of a batch that answer a question, int [batch, targets] each, 0 where padded.

    Args:
        question: from `model.questions`.
        batch: from `index_batches`; ordered, if the question asks about a window.
    """
    window = read_window(question)
    if window is None:
        names = (FUTURE_ITEMS, FUTURE_SCENES) if question == PERIOD else (NEXT_ITEM, NEXT_SCENE)
        return batch[names[0]], batch[names[1]]
    times, of_window = batch[FUTURE_TIMES], []
    for sequence in (batch[FUTURE_ITEM_SEQUENCE], batch[FUTURE_SCENE_SEQUENCE]):
        if window.unit == "events":
            kept = keep_first_events(sequence, times, window.length)
        else:
            kept = keep_first_days(sequence, times, batch[CUTOFF], window.length)
        of_window.append(distinct(kept))
    return of_window[0], of_window[1]


def fingerprint_batches(files: Sequence[str], batch_size: int) -> tf.data.Dataset:
    """Reads gzipped TFRecords of sequence examples, once and in order.

    Args:
        files: file names or globs.
        batch_size: sequences a batch; the last batch may be smaller.

    Returns:
        Batches of int64 fingerprints, padded with `PAD_FINGERPRINT` to the longest row of the batch:
        ``history_items``, ``history_scenes`` [batch, time]; ``next_item``, ``next_scene`` [batch, ties], each distinct
        id at the earliest second of the future once; ``future_items``, ``future_scenes`` [batch, targets], each
        distinct id of the future once; ``future_item_sequence``, ``future_scene_sequence`` [batch, events], the future
        as it happened; ``history_times`` [batch, time], ``future_times`` [batch, events], unix seconds plus one, 0
        where padded; and ``cutoff`` [batch], likewise.

    Raises:
        FileNotFoundError: if no file matches.
    """
    return _batches(tf.constant(_expand(files)), batch_size)


def evaluation_batches(files: Sequence[str], batch_size: int) -> tf.data.Dataset:
    """Reads as `fingerprint_batches` does, but for the order of futures, and also ``user``, the user's hash.

    Returns:
        Batches with ``user``, string [batch].

    Raises:
        FileNotFoundError: if no file matches.
    """
    return _batches(tf.constant(_expand(files)), batch_size, parse=_parse_with_user)


def training_batches(
    files: Sequence[str], batch_size: int, *, seed: int, first_step: int, epoch_steps: int, epochs: int
) -> tf.data.Dataset:
    """Reads sequence examples epoch after epoch, shuffled by seed and epoch alone, so that any step can be first.

    Args:
        files: file names or globs.
        batch_size: sequences a batch; an epoch's last batch is left out when it is not full.
        seed: seed of the shuffles.
        first_step: number of the first batch, from 0.
        epoch_steps: batches of an epoch.
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

    first_epoch, skipped = divmod(first_step, epoch_steps)
    return tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_batches).skip(skipped)


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
    batches: tf.data.Dataset,
    items: FingerprintTable,
    scenes: FingerprintTable,
    ordered: bool = False,
) -> tf.data.Dataset:
    """Turns fingerprints into catalogue indices, for training and validation.

    Args:
        batches: from `fingerprint_batches`.
        items: index of each item.
        scenes: index of each scene.
        ordered: whether the future as it happened is wanted, too; to look it up in vain would cost each step.

    Returns:
        Batches of int32 indices: ``history_items``, ``history_scenes``, ``next_item``, ``next_scene``,
        ``future_items``, ``future_scenes`` and, with `ordered`, ``future_item_sequence``, ``future_scene_sequence``;
        and the times as they are.
    """

    def index(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        batch = batch if ordered else _without_order(batch)
        return {name: look_up(name, values) for name, values in batch.items()}

    def look_up(name: str, values: tf.Tensor) -> tf.Tensor:
        return values if name in _TIMES else (items if "item" in name else scenes)(values)

    return batches.map(index, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)


def prefix_batches(batches: tf.data.Dataset, *, seed: int, first_step: int) -> tf.data.Dataset:
    """Cuts each sequence anew, at a random place of its history; what comes next after the cut is to be predicted.

    Args:
        batches: from `index_batches`, ordered.
        seed: seed of the cuts, with the number of the step.
        first_step: number of the first batch.

    Returns:
        Batches of the same features.
    """

    def cut_anew(step: tf.Tensor, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        cut_seed = tf.random.experimental.stateless_fold_in([seed, 1], step)
        after = draw_cuts(batch[HISTORY_ITEMS], batch[HISTORY_TIMES], cut_seed)
        cut_batch = {}
        for history, future in (
            (HISTORY_ITEMS, FUTURE_ITEM_SEQUENCE),
            (HISTORY_SCENES, FUTURE_SCENE_SEQUENCE),
            (HISTORY_TIMES, FUTURE_TIMES),
        ):
            cut_batch[history], cut_batch[future] = cut(batch[history], batch[future], after)
        cut_batch[NEXT_ITEM] = take_next(cut_batch[FUTURE_ITEM_SEQUENCE], cut_batch[FUTURE_TIMES])
        cut_batch[NEXT_SCENE] = take_next(cut_batch[FUTURE_SCENE_SEQUENCE], cut_batch[FUTURE_TIMES])
        # Asked right after the last event that is left.
        cut_batch[CUTOFF] = 1 + tf.reduce_max(cut_batch[HISTORY_TIMES], axis=1)
        return {**batch, **cut_batch}

    return (
        batches.enumerate(first_step).map(cut_anew, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)
    )


def _parse(records: tf.Tensor) -> dict[str, tf.Tensor]:
    features = {feature: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for feature in _READ.values()}
    parsed = tf.io.parse_example(records, {**features, sequences.CUTOFF: tf.io.FixedLenFeature([], tf.int64)})
    batch = {name: parsed[feature].to_tensor(PAD_FINGERPRINT) for name, feature in _READ.items()}
    batch[CUTOFF] = parsed[sequences.CUTOFF] + 1
    for future, following in ((FUTURE_ITEMS, NEXT_ITEM), (FUTURE_SCENES, NEXT_SCENE)):
        batch[following] = take_next(batch[future], batch[FUTURE_TIMES], PAD_FINGERPRINT)
    batch[FUTURE_ITEM_SEQUENCE], batch[FUTURE_SCENE_SEQUENCE] = batch[FUTURE_ITEMS], batch[FUTURE_SCENES]
    for name in (FUTURE_ITEMS, FUTURE_SCENES):
        batch[name] = distinct(batch[name], PAD_FINGERPRINT)
    for name in (HISTORY_TIMES, FUTURE_TIMES):
        batch[name] += 1
    return batch


def _parse_with_user(records: tf.Tensor) -> dict[str, tf.Tensor]:
    user = tf.io.parse_example(records, {sequences.USER_ID: tf.io.FixedLenFeature([], tf.string)})
    # No measure asks for more of the order of the future than what comes next.
    return {**_without_order(_parse(records)), USER: user[sequences.USER_ID]}


def _without_order(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: values for name, values in batch.items() if name not in _ORDER}
