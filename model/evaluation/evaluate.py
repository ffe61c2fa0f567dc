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
from model.evaluation.bootstrap import PairedSums, estimates, poisson_weights, user_keys
from model.evaluation.slices import SliceStatistics, TrainCounts, slicer
from model.evaluation.tasks import GROUPS
from model.ranker import Ranker
from model.retrieval.top_k import CHUNK_SCORES
from schemas.catalogue import Catalogue
from schemas.identity import PAD_FINGERPRINT, splitmix64


def sequence_digests(users: Sequence[str], batch: Mapping[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Returns a number for each user and future, int64 [batch]; the history has no part in it.

    Args:
        users: hashes of the users.
        batch: of `model.data.batches.evaluation_batches`; padding may stand anywhere.
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
        """Takes the digests of a batch, int64 [batch]."""
        self._sum = (self._sum + int(splitmix64(digests.astype(np.uint64)).sum())) % 2**64
        self._number += len(digests)

    def hexdigest(self) -> str:
        """Returns 16 hexadecimal digits."""
        return hashlib.sha256(f"{self._number}:{self._sum}".encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A metric and how sure it is.

    Attributes:
        value: the mean over sequences.
        low: lower end of its bootstrap 95% interval over users.
        high: upper end.
        sequences: how many it is a mean over.
    """

    value: float
    low: float
    high: float
    sequences: int


@dataclasses.dataclass(frozen=True)
class Difference:
    """The candidate's metric minus another ranker's, paired by sequence.

    Attributes:
        value: the mean difference.
        low: lower end of its paired bootstrap 95% interval.
        high: upper end.
        p_value: of the paired t-test, two-sided, on its own (not corrected for the number of tests).
    """

    value: float
    low: float
    high: float
    p_value: float


@dataclasses.dataclass(frozen=True)
class Slice:
    """A part of the test split.

    Attributes:
        title: what it is, in words.
        sequences: how many have to do with it; for a slice of targets, those with such a target in their future.
    """

    title: str
    sequences: int


@dataclasses.dataclass(frozen=True)
class RankerEvaluation:
    """What was measured of one ranker.

    Attributes:
        metrics: by ``task/metric`` and, of a slice, ``task/metric/slice``; what was
            measured of fewer than two sequences is absent.
        unknown_share: for each task, the share of targets outside its catalogue, which count as misses.
    """

    metrics: dict[str, Estimate]
    unknown_share: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        sequences: how many.
        digest: of the test users and their futures; runs with the same digest can be compared.
        slices: by name.
        models: by name, the candidate first.
        differences: of the candidate to each other ranker, by its name and by metric.
    """

    sequences: int
    digest: str
    slices: dict[str, Slice]
    models: dict[str, RankerEvaluation]
    differences: dict[str, dict[str, Difference]]


@dataclasses.dataclass(frozen=True)
class SequenceValues:
    """What was measured of each sequence of a batch.

    Attributes:
        users: hashes of the users, as in the examples.
        sequences: int64 [batch], digests of user and future.
        groups: of `model.evaluation.tasks.GROUPS`.
        metrics: of the candidate, by ``task/metric``, float32 [batch]; NaN where not measured.
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

    Memory does not grow with the number of sequences. Intervals do not depend on batches, nor on the order of users.

    Args:
        rankers: what is measured, the candidate first.
        batches: from `model.data.batches.evaluation_batches`; read twice.
        items: the items of the train split, which say what is popular and what is cold.
        scenes: the scenes of the train split.
        ks: cut-offs.
        sink: takes what was measured of the candidate's sequences, batch by batch.
        progress: is told how many sequences are done, and of how many.
        chunk_scores: most scores held at a time.

    Returns:
        Means over all sequences of `batches`, with intervals, and paired differences.

    Raises:
        ValueError: if there are fewer than two sequences to measure on, or not the same at the second reading.
    """
    survey = SliceStatistics()
    for batch in batches:
        survey.add(batch[HISTORY_ITEMS].numpy(), batch[HISTORY_SCENES].numpy())
    if survey.sequences < 2:
        raise ValueError(
            f"There are too few sequences to measure on: the test split has {survey.sequences}, and an interval "
            "needs two. Give split.weights a larger test share."
        )
    parts = slicer(survey, items, scenes)
    layout = MetricIndex(ks, tuple(parts.of_sequences), tuple(parts.of_targets))
    counts = {"items": parts.counts, "scenes": TrainCounts(scenes)}
    ledgers = {name: MetricAccumulator(ranker, layout, counts, chunk_scores) for name, ranker in rankers.items()}
    first, *others = ledgers
    pairs = {name: PairedSums(len(layout.names)) for name in others}
    digest = Digest()
    in_slices = np.zeros(len(parts.of_sequences) + len(parts.of_targets), np.int64)
    done = 0
    for batch in batches:
        arrays = {name: tensor.numpy() for name, tensor in batch.items()}
        users = [user.decode("ascii") for user in arrays[USER]]
        weights = poisson_weights(users)
        of_sequences = parts.sequences(arrays[HISTORY_ITEMS], arrays[HISTORY_SCENES])
        of_targets = parts.targets(arrays[FUTURE_ITEMS])
        in_slices += np.concatenate([of_sequences.sum(axis=1), of_targets.any(axis=2).sum(axis=1)])
        values = {name: ledger.add(batch, of_sequences, of_targets, weights) for name, ledger in ledgers.items()}
        for name in others:
            pairs[name].add(_paired(layout, values[first], values[name]))
        digests = sequence_digests(users, arrays)
        digest.add(digests)
        groups = [GROUPS[place] for place in parts.groups(arrays[HISTORY_ITEMS])]
        sink(SequenceValues(users, digests, groups, _by_sequence(layout, *values[first])))
        done += len(users)
        progress(done, survey.sequences)

    if done != survey.sequences:
        raise ValueError(f"The batches had {survey.sequences} sequences at first, but {done} when read again.")
    ratios = {name: ledger.sums.ratios() for name, ledger in ledgers.items()}
    numbers = ledgers[first].sums.totals()[layout.numbers]
    titles = parts.of_sequences | parts.of_targets
    return Evaluation(
        sequences=done,
        digest=digest.hexdigest(),
        slices={
            name: Slice(title, int(number)) for (name, title), number in zip(titles.items(), in_slices, strict=True)
        },
        models={name: _evaluation(ledger, layout, ratios[name]) for name, ledger in ledgers.items()},
        differences={
            name: _differences(layout, ratios[first] - ratios[name], numbers, pairs[name].p_values(numbers))
            for name in others
        },
    )


def _evaluation(ledger: MetricAccumulator, layout: MetricIndex, ratios: npt.NDArray[np.float64]) -> RankerEvaluation:
    numbers = ledger.sums.totals()[layout.numbers].astype(int)
    metrics = {}
    for name, (value, low, high), number in zip(layout.names, estimates(ratios).tolist(), numbers, strict=True):
        if name is not None and number > 1 and not math.isnan(value):
            metrics[name] = Estimate(value, low, high, int(number))
    sequences = dict(zip(layout.names, numbers, strict=True))
    for (kind, k), coverage in ledger.coverage.items():
        metrics[f"{kind}/coverage@{k}"] = Estimate(*coverage.estimate(), int(sequences[f"{kind}/novelty@{k}"]))
    return RankerEvaluation(metrics, dict(ledger.unknown_share))


def _differences(
    layout: MetricIndex,
    differences: npt.NDArray[np.float64],
    numbers: npt.NDArray[np.float64],
    p_values: npt.NDArray[np.float64],
) -> dict[str, Difference]:
    found = {}
    for name, (value, low, high), number, p_value in zip(
        layout.names, estimates(differences).tolist(), numbers, p_values.tolist(), strict=True
    ):
        if name is not None and number > 1 and not math.isnan(value):
            found[name] = Difference(value, low, high, p_value)
    return found


def _paired(
    layout: MetricIndex, own: tuple[npt.NDArray[np.float32], ...], other: tuple[npt.NDArray[np.float32], ...]
) -> npt.NDArray[np.float32]:
    """Returns the differences of sequences that both rankers were measured on, 0 for the rest."""
    both = (own[1] > 0) & (other[1] > 0)
    return np.where(both[:, layout.numbers], own[0] - other[0], np.float32(0))


def _by_sequence(
    layout: MetricIndex, values: npt.NDArray[np.float32], denominators: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.float32]]:
    places = list(layout.whole.values())
    measured = denominators[:, layout.numbers[places]] > 0
    columns = np.where(measured, values[:, places], np.float32(np.nan)).T
    # The bias is a ratio of two means, so no sequence has one of its own.
    return {name: column for name, column in zip(layout.whole, columns, strict=True) if "popularity_bias" not in name}
