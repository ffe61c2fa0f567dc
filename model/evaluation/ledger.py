"""The books of one ranker: what was measured, batch by batch, kept as sums."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.evaluation.coverage import Coverage
from model.evaluation.layout import Layout
from model.evaluation.measure import Batch, Measured, measurer
from model.evaluation.sums import Sums
from model.evaluation.tasks import ITEM_TASKS, LISTS, SCENE_TASKS, TASKS, TASKS_OF
from model.evaluation.train_counts import TrainCounts
from model.input import FUTURE_ITEMS, FUTURE_SCENES
from model.ranker import Ranker

_FUTURES = {"items": FUTURE_ITEMS, "unseen_items": FUTURE_ITEMS, "scenes": FUTURE_SCENES}
_PERIOD = {
    "items": ("items", ITEM_TASKS.index("period_items")),
    "unseen_items": ("items", ITEM_TASKS.index("period_unseen_items")),
    "scenes": ("scenes", SCENE_TASKS.index("period_scenes")),
}


class Ledger:
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

    def __init__(self, ranker: Ranker, layout: Layout, counts: Mapping[str, TrainCounts], chunk_scores: int):
        self._layout = layout
        self._measure = measurer(ranker, layout.ks, chunk_scores)
        prints = {"items": ranker.item_fingerprints, "scenes": ranker.scene_fingerprints}
        self._counts = dict(counts)
        self._popularity = {kind: counts[kind](tf.convert_to_tensor(of).numpy()) for kind, of in prints.items()}
        self._information = {kind: counts[kind].self_information(of) for kind, of in self._popularity.items()}
        for known in (self._counts, self._popularity, self._information):
            known["unseen_items"] = known["items"]
        self.sums = Sums(layout.denominators)
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
            batch: of `model.input.evaluation_batches`.
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
