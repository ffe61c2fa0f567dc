"""Which column of a matrix of values holds which metric, over all sequences and in each slice."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.evaluation.measure import Measured
from model.evaluation.tasks import ITEM_TASKS, LISTS, TASKS, TASKS_OF, metric_names, problem_with


class Layout:
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
