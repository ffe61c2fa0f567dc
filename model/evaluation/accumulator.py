"""The books of one ranker: what was measured, batch by batch, kept as sums."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.data.batches import FUTURE_ITEMS, FUTURE_SCENES
from model.evaluation.bootstrap import BootstrapSums, interval
from model.evaluation.measure import Batch, Measured, measurer
from model.evaluation.slices import TrainCounts
from model.evaluation.tasks import ITEM_TASKS, LISTS, SCENE_TASKS, TASKS, TASKS_OF, metric_names, problem_with
from model.ranker import Ranker


class MetricIndex:
    """The columns of the values of a batch, and what each is a mean over.

    Args:
        ks: cut-offs.
        of_sequences: names of the slices of sequences.
        of_targets: names of the slices of item targets.

    Attributes:
        names: ``task/metric`` or ``task/metric/slice`` of each of V columns; None where that makes no sense.
        denominators: int [V], the denominator of each column; the first D' are numbers of sequences.
        numbers: int [V], the denominator that counts the sequences of each column.
        whole: places of the columns over all sequences, by name.
    """

    def __init__(self, ks: Sequence[int], of_sequences: Sequence[str], of_targets: Sequence[str]):
        self.ks = tuple(ks)
        metrics = metric_names(ks)
        names: list[str | None] = []
        denominators: list[int] = []
        for task in TASKS:
            for part in (None, *(of_targets if task in ITEM_TASKS else ()), *of_sequences):
                names += [_name(task, metric, part, ks) for metric in metrics]
                denominators += [max(denominators, default=-1) + 1] * len(metrics)
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

    def task_columns(
        self, found: Mapping[str, Measured], of_sequences: npt.NDArray[np.bool_]
    ) -> tuple[list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]:
        """Returns the columns of all tasks, and their denominators.

        Args:
            found: what `model.evaluation.measure` gives, as arrays.
            of_sequences: bool [slices, batch], which sequences are in which slice.
        """
        by_task: dict[str, tuple[npt.NDArray, npt.NDArray]] = {}
        for kind, tasks in TASKS_OF.items():
            by_task |= dict(zip(tasks, zip(found[kind].values, found[kind].measured, strict=True), strict=True))
        values, denominators = [], []
        for task in TASKS:
            value, measured = by_task[task]
            value = np.concatenate([value, np.where(of_sequences, value[:, :1], 0.0)], axis=1)
            measured = np.concatenate([measured, of_sequences & measured[:1]])
            values.append(value.transpose(2, 1, 0).reshape(value.shape[2], -1))
            denominators.append(measured.T.astype(np.float32))
        return values, denominators


def _name(task: str, metric: str, part: str | None, ks: Sequence[int]) -> str | None:
    name = f"{task}/{metric}" + ("" if part is None else f"/{part}")
    return None if problem_with(name, ks) else name


_REPLICATES = 256
_WORD = 64
_BLOCK = 100_000


class Coverage:
    """Counts distinct candidates, of all users and of the users that each replicate draws.

    Memory is 33 bytes a candidate, whatever the number of users.

    Args:
        size: number N of candidates.
    """

    def __init__(self, size: int):
        self._size = size
        # Candidates that nobody has been recommended are never touched, so they take no memory either.
        self._drawn = np.zeros([size, _REPLICATES // _WORD], np.uint64)
        self._recommended = np.zeros(size, bool)

    def add(self, columns: npt.NDArray[np.int64], weights: npt.NDArray[np.float32]) -> None:
        """Takes the lists of a batch.

        Args:
            columns: int64 [batch, k], 0-based; negative where there is none.
            weights: float32 [batch, R] of `model.evaluation.bootstrap.poisson_weights`, with R at least 256.
        """
        bits = np.packbits(weights[:, :_REPLICATES] > 0, axis=1).view(np.uint64)
        rows, places = np.nonzero(columns >= 0)
        chosen = columns[rows, places]
        np.bitwise_or.at(self._drawn, chosen, bits[rows])
        self._recommended[chosen] = True

    def estimate(self) -> tuple[float, float, float]:
        """Returns the share of candidates recommended, and its 95% interval.

        A replicate draws 63% of the users, so it covers less than all do: its deviation from the mean of replicates
        tells the spread, not its value.
        """
        value = float(np.count_nonzero(self._recommended)) / self._size
        covered = np.zeros(_REPLICATES)
        for block in np.array_split(np.flatnonzero(self._recommended), 1 + self._size // _BLOCK):
            covered += np.unpackbits(self._drawn[block].view(np.uint8), axis=1).sum(axis=0)
        covered /= self._size
        low, high = interval(value + covered - covered.mean())
        return value, max(low, 0.0), min(high, 1.0)


_FUTURES = {"items": FUTURE_ITEMS, "unseen_items": FUTURE_ITEMS, "scenes": FUTURE_SCENES}
_PERIOD = {
    "items": ("items", ITEM_TASKS.index("period_items")),
    "unseen_items": ("items", ITEM_TASKS.index("period_unseen_items")),
    "scenes": ("scenes", SCENE_TASKS.index("period_scenes")),
}


class MetricAccumulator:
    """Measures batches with one ranker and adds up.

    Args:
        ranker: what is measured.
        layout: the columns.
        counts: events of ``items`` and of ``scenes`` in the train split.
        chunk_scores: most scores held at a time.

    Attributes:
        sums: of all columns of the layout.
        coverage: by list and k.
    """

    def __init__(self, ranker: Ranker, layout: MetricIndex, counts: Mapping[str, TrainCounts], chunk_scores: int):
        self._layout = layout
        self._measure = measurer(ranker, layout.ks, chunk_scores)
        prints = {"items": ranker.item_fingerprints, "scenes": ranker.scene_fingerprints}
        self._counts = dict(counts)
        self._popularity = {kind: counts[kind](tf.convert_to_tensor(of).numpy()) for kind, of in prints.items()}
        self._information = {kind: counts[kind].self_information(of) for kind, of in self._popularity.items()}
        for known in (self._counts, self._popularity, self._information):
            known["unseen_items"] = known["items"]
        self.sums = BootstrapSums(layout.denominators)
        self.coverage = {(kind, k): Coverage(len(self._popularity[kind])) for kind in LISTS for k in layout.ks}
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
            batch: of `model.data.batches.evaluation_batches`.
            of_sequences: bool [slices, batch], which sequences are in which slice.
            of_targets: bool [slices, batch, T], which of ``future_items`` are in which slice.
            weights: float32 [batch, R] of `model.evaluation.bootstrap.poisson_weights`.

        Returns:
            The values of the layout's columns, float32 [batch, V], and of their denominators, [batch, D].
        """
        tensors = self._measure(batch, tf.constant(of_targets))
        found = {kind: Measured(*(x.numpy() for x in measured)) for kind, measured in tensors.items()}
        values, denominators = self._layout.task_columns(found, of_sequences)
        truths = []
        for kind in LISTS:
            columns, number, truth = self._list(kind, batch, found, weights)
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
        """Of each task that had any target, the share of targets outside the ranker's catalogue."""
        return {task: self._unknown[task] / number for task, number in self._targets.items() if number}

    def _list(
        self, kind: str, batch: Batch, found: Mapping[str, Measured], weights: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """Returns novelty and popularity at each k, [batch, 2 ks], whether measured, and the targets' popularity."""
        # What came true of a list: all of the future, of which all are targets of the period's task.
        tasks, period = _PERIOD[kind]
        top, asked = found[tasks].top[period], found[tasks].relevant[period]
        counted = asked.any(axis=1) & (top >= 0).any(axis=1)
        top = np.where(counted[:, np.newaxis], top, -1)
        filled = top >= 0
        novelty = np.where(filled, self._information[kind][top], 0.0)
        popularity = np.where(filled, self._popularity[kind][top], 0)
        columns = []
        for quantity in (novelty, popularity):
            for k in self._layout.ks:
                columns.append(_mean(quantity[:, :k], filled[:, :k]))
        for k in self._layout.ks:
            self.coverage[kind, k].add(top[:, :k], weights)
        truth = _mean(np.where(asked, self._counts[kind](batch[_FUTURES[kind]].numpy()), 0), asked)
        number = counted.astype(np.float32)
        return np.stack(columns, axis=1), number[:, np.newaxis], (truth * number)[:, np.newaxis]


def _mean(values: npt.NDArray, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    return (values.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)).astype(np.float32)
