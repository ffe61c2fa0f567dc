"""What is accumulated of one ranker, batch by batch: sums of its metrics, and which candidates it recommends."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.data.batches import FUTURE_ITEMS, FUTURE_SCENES
from model.evaluation.bootstrap import BootstrapSums, interval
from model.evaluation.measure import Batch, Measured, make_measure
from model.evaluation.slices import TrainCounts
from model.evaluation.tasks import FIRST, ITEM_TASKS, LISTS, SCENE_TASKS, TASKS, TASKS_OF, metric_names, problem_with
from model.ranker import Ranker

_FUTURES = {"items": FUTURE_ITEMS, "unseen_items": FUTURE_ITEMS, "scenes": FUTURE_SCENES}
_PERIOD = {
    "items": ("items", ITEM_TASKS.index("period_items")),
    "unseen_items": ("items", ITEM_TASKS.index("period_unseen_items")),
    "scenes": ("scenes", SCENE_TASKS.index("period_scenes")),
}
"""For each list, the catalogue and the place of the task that asks for all of the future."""

_REPLICATES = 256
"""Number of bootstrap replicates of a coverage."""
_WORD = 64
"""Number of replicates whose draws are bits of one number."""
_BLOCK = 100_000
"""Number of candidates whose bits are unpacked at a time."""


class MetricIndex:
    """The columns in which the metrics of a batch stand, and what each metric is a mean over.

    Args:
        ks: cut-offs.
        sequence_slices: names of the slices of sequences.
        target_slices: names of the slices of item targets.

    Attributes:
        ks: cut-offs.
        names: ``task/metric`` or ``task/metric/slice`` of each of V columns; None where that makes no sense.
        denominators: place of the denominator of each column, int [V]; the first D' denominators are numbers of
            sequences, two for each task and slice: those with a target there, and those with no target elsewhere.
        numbers: place of the denominator that counts the sequences of each column, int [V].
        whole: places of the columns over all sequences, by name.
    """

    def __init__(self, ks: Sequence[int], sequence_slices: Sequence[str], target_slices: Sequence[str]):
        self.ks = tuple(ks)
        metrics = metric_names(ks)
        names: list[str | None] = []
        denominators: list[int] = []
        for task in TASKS:
            for part in (None, *(target_slices if task in ITEM_TASKS else ()), *sequence_slices):
                names += [_name_column(task, metric, part, ks) for metric in metrics]
                place = max(denominators, default=-1) + 1
                denominators += [place + (metric == FIRST) for metric in metrics]
        numbers = list(denominators)
        lists = max(denominators) + 1
        for place, kind in enumerate(LISTS):
            for metric, denominator in (("novelty", lists + place), ("popularity_bias", lists + len(LISTS) + place)):
                names += [f"{kind}/{metric}@{k}" for k in ks]
                denominators += [denominator] * len(ks)
                numbers += [lists + place] * len(ks)
        self.names = names
        self.denominators = np.array(denominators)
        self.numbers = np.array(numbers)
        self.whole = {name: i for i, name in enumerate(names) if name is not None and name.count("/") == 1}

    def arrange_tasks(
        self, found: Mapping[str, Measured], of_sequences: npt.NDArray[np.bool_]
    ) -> tuple[list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]:
        """Returns the columns of each task, float32 [batch, columns], and denominators, float32 [batch, 2 slices].

        Args:
            found: what `model.evaluation.measure` returns, as arrays.
            of_sequences: which sequences are in which slice, bool [slices, batch].
        """
        by_task: dict[str, tuple[npt.NDArray, ...]] = {}
        for kind, tasks in TASKS_OF.items():
            of_kind = found[kind]
            by_task |= dict(zip(tasks, zip(of_kind.values, of_kind.measured, of_kind.alone, strict=True), strict=True))
        values, denominators = [], []
        for task in TASKS:
            value, *counted = by_task[task]
            value = np.concatenate([value, np.where(of_sequences, value[:, :1], 0.0)], axis=1)
            counted = [np.concatenate([number, of_sequences & number[:1]]) for number in counted]
            values.append(value.transpose(2, 1, 0).reshape(value.shape[2], -1))
            denominators.append(
                np.stack(counted, axis=-1).transpose(1, 0, 2).reshape(value.shape[2], -1).astype(np.float32)
            )
        return values, denominators


def _name_column(task: str, metric: str, part: str | None, ks: Sequence[int]) -> str | None:
    name = f"{task}/{metric}" + ("" if part is None else f"/{part}")
    return None if problem_with(name, ks) else name


class MetricAccumulator:
    """Measures batches with one ranker and adds up what it finds.

    Args:
        ranker: what is measured.
        index: the columns of metrics.
        counts: events of ``items`` and of ``scenes`` in the train split.
        chunk_scores: largest number of scores held at a time.

    Attributes:
        sums: sums of all columns of the index.
        coverage: candidates recommended, by list and k.
    """

    def __init__(self, ranker: Ranker, index: MetricIndex, counts: Mapping[str, TrainCounts], chunk_scores: int):
        self._index = index
        self._measure = make_measure(ranker, index.ks, chunk_scores)
        fingerprints = {"items": ranker.item_fingerprints, "scenes": ranker.scene_fingerprints}
        self._counts = dict(counts)
        self._popularity = {
            kind: counts[kind].count_events(tf.convert_to_tensor(of).numpy()) for kind, of in fingerprints.items()
        }
        self._information = {kind: counts[kind].compute_self_information(of) for kind, of in self._popularity.items()}
        for known in (self._counts, self._popularity, self._information):
            known["unseen_items"] = known["items"]
        self.sums = BootstrapSums(index.denominators)
        self.coverage = {(kind, k): Coverage(len(self._popularity[kind])) for kind in LISTS for k in index.ks}
        self._targets = dict.fromkeys(TASKS, 0)
        self._unknown = dict.fromkeys(TASKS, 0)

    def add(
        self,
        batch: Batch,
        of_sequences: npt.NDArray[np.bool_],
        of_targets: npt.NDArray[np.bool_],
        weights: npt.NDArray[np.float32],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Measures a batch.

        Args:
            batch: a batch of `model.data.batches.evaluation_batches`.
            of_sequences: which sequences are in which slice, bool [slices, batch].
            of_targets: which of ``future_items`` are in which slice, bool [slices, batch, T].
            weights: draws of the users, float32 [batch, R], by `model.evaluation.bootstrap.poisson_weights`.

        Returns:
            The values of the index's columns, float32 [batch, V], and their denominators, float32 [batch, D].
        """
        tensors = self._measure(batch, tf.constant(of_targets))
        found = {kind: Measured(*(x.numpy() for x in measured)) for kind, measured in tensors.items()}
        values, denominators = self._index.arrange_tasks(found, of_sequences)
        truths = []
        for kind in LISTS:
            columns, number, truth = self._measure_list(kind, batch, found, weights)
            values.append(columns)
            denominators.append(number)
            truths.append(truth)
        rows, below = np.concatenate(values, axis=1), np.concatenate([*denominators, *truths], axis=1)
        self.sums.add(rows, below, weights)
        for kind, tasks in TASKS_OF.items():
            for place, task in enumerate(tasks):
                self._targets[task] += int(np.count_nonzero(found[kind].relevant[place]))
                self._unknown[task] += int(found[kind].unknown[place])
        return rows, below

    @property
    def unknown_share(self) -> Mapping[str, float]:
        """Share of targets outside the ranker's catalogue, by task; a task without targets is absent."""
        return {task: self._unknown[task] / number for task, number in self._targets.items() if number}

    def _measure_list(
        self, kind: str, batch: Batch, found: Mapping[str, Measured], weights: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """Measures what a list is like, whatever comes true of it.

        Returns:
            Novelty and popularity at each k, float32 [batch, 2 ks]; whether the list was measured, [batch, 1]; and the
            mean popularity of what came true, [batch, 1].
        """
        # What came true of a list is all of the future, and the period's task asks for just that.
        tasks, period = _PERIOD[kind]
        top, relevant = found[tasks].top[period], found[tasks].relevant[period]
        measured = relevant.any(axis=1) & (top >= 0).any(axis=1)
        top = np.where(measured[:, np.newaxis], top, -1)
        filled = top >= 0
        novelty = np.where(filled, self._information[kind][top], 0.0)
        popularity = np.where(filled, self._popularity[kind][top], 0)
        columns = []
        for quantity in (novelty, popularity):
            for k in self._index.ks:
                columns.append(_mean(quantity[:, :k], filled[:, :k]))
        for k in self._index.ks:
            self.coverage[kind, k].add(top[:, :k], weights)
        events = self._counts[kind].count_events(batch[_FUTURES[kind]].numpy())
        truth = _mean(np.where(relevant, events, 0), relevant)
        number = measured.astype(np.float32)
        return np.stack(columns, axis=1), number[:, np.newaxis], (truth * number)[:, np.newaxis]


def _mean(values: npt.NDArray, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    return (values.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)).astype(np.float32)


class Coverage:
    """Number of distinct candidates recommended, to all users and to the users that each replicate draws.

    Memory is 33 bytes a candidate, whatever the number of users.

    Args:
        size: number N of candidates.
    """

    def __init__(self, size: int):
        self._size = size
        # Candidates that were recommended to nobody are never touched, so they take no memory either.
        self._drawn = np.zeros([size, _REPLICATES // _WORD], np.uint64)
        self._recommended = np.zeros(size, bool)

    def add(self, columns: npt.NDArray[np.int64], weights: npt.NDArray[np.float32]) -> None:
        """Adds the lists of a batch.

        Args:
            columns: candidates, 0-based, int64 [batch, k]; negative where there is none.
            weights: draws of the users, float32 [batch, R], by `model.evaluation.bootstrap.poisson_weights`, with R at
                least 256.
        """
        bits = np.packbits(weights[:, :_REPLICATES] > 0, axis=1).view(np.uint64)
        rows, places = np.nonzero(columns >= 0)
        chosen = columns[rows, places]
        np.bitwise_or.at(self._drawn, chosen, bits[rows])
        self._recommended[chosen] = True

    def estimate(self) -> tuple[float, float, float]:
        """Returns the share of candidates recommended, and the ends of its 95% interval.

        A replicate draws 63% of the users, so it covers less than all users do: how far replicates are from their mean
        tells the spread, but their values do not tell the share.
        """
        value = float(np.count_nonzero(self._recommended)) / self._size
        covered = np.zeros(_REPLICATES)
        for block in np.array_split(np.flatnonzero(self._recommended), 1 + self._size // _BLOCK):
            covered += np.unpackbits(self._drawn[block].view(np.uint8), axis=1).sum(axis=0)
        covered /= self._size
        low, high = interval(value + covered - covered.mean())
        return value, max(low, 0.0), min(high, 1.0)
