"""Measures rankers, side by side, on sequences they have not seen."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.data.batches import FUTURE_ITEMS, FUTURE_SCENES, HISTORY_ITEMS, HISTORY_SCENES, NEXT_ITEM, NEXT_SCENE, USER
from model.evaluation.accumulator import MetricAccumulator, MetricIndex
from model.evaluation.bootstrap import estimates, poisson_weights, user_keys
from model.evaluation.paired_test import UserBlocks, UserSums
from model.evaluation.slices import SliceStatistics, TrainCounts, make_slicer
from model.evaluation.tasks import GROUPS
from model.ranker import Ranker
from model.retrieval.top_k import CHUNK_SCORES
from model.tracing import unoptimized
from schemas.catalogue import Catalogue
from schemas.evaluation import CatalogueSizes, Difference, Evaluation, Metric, ModelEvaluation, Slice, Ties
from schemas.identity import PAD_FINGERPRINT, splitmix64


@dataclasses.dataclass(frozen=True)
class SequenceValues:
    """What was measured of each sequence of a batch.

    Attributes:
        users: hashes of the users, as in the examples.
        sequences: digests of user and future, int64 [batch].
        groups: one of `model.evaluation.tasks.GROUPS` for each sequence.
        metrics: metrics of the candidate, by ``task/metric``, float32 [batch]; NaN where not measured.
    """

    users: list[str]
    sequences: npt.NDArray[np.int64]
    groups: list[str]
    metrics: dict[str, npt.NDArray[np.float32]]


def evaluate(
    rankers: Mapping[str, Ranker],
    batches: tf.data.Dataset,
    items: Catalogue,
    scenes: Catalogue,
    ks: Sequence[int],
    *,
    sink: Callable[[SequenceValues], None] = lambda values: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    chunk_scores: int = CHUNK_SCORES,
) -> Evaluation:
    """Measures all of `model.evaluation.tasks` over the full catalogue, and in all of `model.evaluation.slices`.

    Intervals and p-values depend neither on batches nor on the order of sequences, but for rounding. Memory does not
    grow with the number of sequences, but for 16 bytes each, and for what is held of users with several sequences
    (`model.evaluation.paired_test.UserBlocks`).

    Args:
        rankers: what is measured, by name, the candidate first.
        batches: test sequences from `model.data.batches.evaluation_batches`; read twice.
        items: items of the train split, which say what is popular and what is cold.
        scenes: scenes of the train split.
        ks: cut-offs.
        sink: takes what was measured of the candidate's sequences, batch by batch.
        progress: is told how many sequences are done, and of how many.
        chunk_scores: largest number of scores held at a time.

    Returns:
        Means over all sequences of `batches`, with intervals, and paired differences; not yet named or judged.

    Raises:
        ValueError: if there are fewer than two sequences to measure on, or if the second reading gives others than the
            first.
    """
    statistics, blocks = SliceStatistics(), UserBlocks()
    next_items: list[npt.NDArray[np.int64]] = []
    for batch in batches:
        statistics.add(batch[HISTORY_ITEMS].numpy(), batch[HISTORY_SCENES].numpy())
        blocks.count(user_keys(batch[USER].numpy()))
        next_items.append(np.count_nonzero(batch[NEXT_ITEM].numpy() != PAD_FINGERPRINT, axis=1))
    total = statistics.sequences
    if total < 2:
        raise ValueError(
            f"There are too few sequences to measure on: the test split has {total}, and an interval needs two. Give "
            "split.weights a larger test share."
        )
    slicer = make_slicer(statistics, items, scenes)
    index = MetricIndex(ks, tuple(slicer.sequence_slices), tuple(slicer.target_slices))
    counts = {"items": slicer.counts, "scenes": TrainCounts(scenes)}
    accumulators = {name: MetricAccumulator(ranker, index, counts, chunk_scores) for name, ranker in rankers.items()}
    candidate, *others = accumulators
    user_sums = UserSums(len(others) * len(index.names))
    digest = Digest()
    in_slices = np.zeros(len(slicer.sequence_slices) + len(slicer.target_slices), np.int64)
    done = 0
    for batch in batches:
        arrays = {name: tensor.numpy() for name, tensor in batch.items()}
        users = [user.decode("ascii") for user in arrays[USER]]
        weights = poisson_weights(users)
        of_sequences = slicer.slice_sequences(arrays[HISTORY_ITEMS], arrays[HISTORY_SCENES])
        of_targets = slicer.slice_targets(arrays[FUTURE_ITEMS])
        in_slices += np.concatenate([of_sequences.sum(axis=1), of_targets.any(axis=2).sum(axis=1)])
        with unoptimized():
            values = {
                name: accumulator.add(batch, of_sequences, of_targets, weights)
                for name, accumulator in accumulators.items()
            }
        if others:
            differences, measured = _subtract(index, values[candidate], [values[name] for name in others])
            user_sums.add(*blocks.add(user_keys(users), differences, measured))
        digests = sequence_digests(users, arrays)
        digest.add(digests)
        groups = [GROUPS[place] for place in slicer.find_groups(arrays[HISTORY_ITEMS])]
        sink(SequenceValues(users, digests, groups, _select_sequence_values(index, *values[candidate])))
        done += len(users)
        progress(done, total)

    if done != total or blocks.incomplete:
        raise ValueError(
            f"The batches had {total} sequences at first, but {done} when read again, or those of other users."
        )
    ratios = {name: accumulator.sums.ratios() for name, accumulator in accumulators.items()}
    numbers = accumulators[candidate].sums.totals()[index.numbers]
    p_values = user_sums.p_values().reshape(len(others), len(index.names))
    titles = slicer.sequence_slices | slicer.target_slices
    return Evaluation(
        sequences=done,
        digest=digest.hexdigest(),
        k=tuple(ks),
        slices={
            name: Slice(title, int(number)) for (name, title), number in zip(titles.items(), in_slices, strict=True)
        },
        models={name: _summarise(accumulator, index, ratios[name]) for name, accumulator in accumulators.items()},
        differences={
            name: _summarise_differences(index, ratios[candidate] - ratios[name], numbers, p_values[place])
            for place, name in enumerate(others)
        },
        catalogue=CatalogueSizes(len(items), len(scenes)),
        ties=_summarise_ties(np.concatenate(next_items)),
    )


def _summarise(accumulator: MetricAccumulator, index: MetricIndex, ratios: npt.NDArray[np.float64]) -> ModelEvaluation:
    numbers = accumulator.sums.totals()[index.numbers].astype(int)
    metrics = {}
    for name, (value, low, high), number in zip(index.names, estimates(ratios).tolist(), numbers, strict=True):
        if name is not None and number > 1 and not math.isnan(value):
            metrics[name] = Metric(value, low, high, int(number))
    sequences = dict(zip(index.names, numbers, strict=True))
    for (kind, k), coverage in accumulator.coverage.items():
        metrics[f"{kind}/coverage@{k}"] = Metric(*coverage.estimate(), int(sequences[f"{kind}/novelty@{k}"]))
    return ModelEvaluation(metrics, dict(accumulator.unknown_share))


def _summarise_ties(next_items: npt.NDArray[np.int64]) -> Ties:
    return Ties(share=float(np.mean(next_items > 1)), mean_items=float(np.mean(next_items)))


def _summarise_differences(
    index: MetricIndex,
    ratios: npt.NDArray[np.float64],
    numbers: npt.NDArray[np.float64],
    p_values: npt.NDArray[np.float64],
) -> dict[str, Difference]:
    differences = {}
    for name, (value, low, high), number, p_value in zip(
        index.names, estimates(ratios).tolist(), numbers, p_values.tolist(), strict=True
    ):
        if name is not None and number > 1 and not math.isnan(value):
            differences[name] = Difference(value, low, high, None if math.isnan(p_value) else p_value)
    return differences


def _subtract(
    index: MetricIndex,
    candidate: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    others: Sequence[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Returns the candidate's values minus those of each other ranker, and whether the candidate was measured.

    A sequence that the candidate was measured on and the other ranker was not counts as one without a difference.

    Args:
        index: the V columns of values.
        candidate: values, float32 [batch, V], and denominators, float32 [batch, D].
        others: values and denominators of O rankers.

    Returns:
        float32 and bool, both [batch, O * V], the columns of one ranker after those of another.
    """
    measured = (candidate[1] > 0)[:, index.numbers]
    differences = [
        np.where(measured & (denominators > 0)[:, index.numbers], candidate[0] - values, np.float32(0))
        for values, denominators in others
    ]
    return np.concatenate(differences, axis=1), np.tile(measured, len(others))


def _select_sequence_values(
    index: MetricIndex, values: npt.NDArray[np.float32], denominators: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.float32]]:
    """Returns the values over all of each sequence, by ``task/metric``, float32 [batch]; NaN where not measured."""
    places = list(index.whole.values())
    measured = denominators[:, index.numbers[places]] > 0
    columns = np.where(measured, values[:, places], np.float32(np.nan)).T
    # The popularity bias is a ratio of two means, so a single sequence has none.
    return {name: column for name, column in zip(index.whole, columns, strict=True) if "popularity_bias" not in name}


def sequence_digests(users: Sequence[str], batch: Mapping[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Returns a digest of each user and future, int64 [batch]; it does not depend on the history.

    Args:
        users: hashes of the users.
        batch: arrays of a batch of `model.data.batches.evaluation_batches`; padding may stand anywhere.
    """
    total = user_keys(users)
    for number, name in enumerate((NEXT_ITEM, FUTURE_ITEMS, NEXT_SCENE, FUTURE_SCENES), start=1):
        values = batch[name]
        mixed = splitmix64(splitmix64(values.astype(np.uint64)) + np.uint64(number))
        total = splitmix64(total + np.where(values == PAD_FINGERPRINT, np.uint64(0), mixed).sum(axis=1))
    return total.astype(np.int64)


class Digest:
    """The digest of all sequences, whatever their order."""

    def __init__(self) -> None:
        self._sum, self._number = 0, 0

    def add(self, digests: npt.NDArray[np.int64]) -> None:
        """Adds the digests of a batch, int64 [batch]."""
        self._sum = (self._sum + int(splitmix64(digests.astype(np.uint64)).sum())) % 2**64
        self._number += len(digests)

    def hexdigest(self) -> str:
        """Returns 16 hexadecimal digits."""
        return hashlib.sha256(f"{self._number}:{self._sum}".encode()).hexdigest()[:16]
