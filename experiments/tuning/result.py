"""What a search found, and its files: `trials.json`, and `best.yaml` to paste into a configuration."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from experiments.runs.result import FINISHED, STOPPED, Status, write_json
from experiments.runs.run import MONITOR
from pipeline.tuning_config import Dimension
from schemas.atomic_file import write_whole
from schemas.dotted_keys import as_yaml

TRIALS_FILE = "trials.json"
BEST_FILE = "best.yaml"

TRAINED = (FINISHED, STOPPED)
"""Statuses of trials that have a validation value."""


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What came of one trial.

    Attributes:
        number: number of the trial, from 1; the first trial is the configuration as it is.
        values: values that were tried, by key.
        status: how the trial ended; ``stopped`` if earlier trials were better after as many epochs.
        validation: validation NDCG@10 of the best epoch; None if the trial failed.
        epochs: validation NDCG@10 of each epoch.
        seconds: time that the trial took.
        reason: why the trial did not finish; empty if it did.
    """

    number: int
    values: Mapping[str, Any]
    status: Status
    validation: float | None
    epochs: tuple[float, ...]
    seconds: float
    reason: str


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        method: name of the method, as in ``model.name``.
        title: name of the method in tables.
        space: dimensions that were searched.
        budget: number of trials that the search was given.
        trials: results of the trials that were run so far, by rising number.
        folder: folder of the search.
    """

    method: str
    title: str
    space: tuple[Dimension, ...]
    budget: int
    trials: tuple[TrialResult, ...]
    folder: str

    @property
    def best(self) -> TrialResult | None:
        """The trial with the largest validation NDCG@10, of equal ones the first; None if all failed."""
        trained = [trial for trial in self.trials if trial.validation is not None]
        return max(trained, key=lambda trial: trial.validation or 0.0, default=None)

    @property
    def configured(self) -> TrialResult | None:
        """The trial of the configuration as it is; None if it was not trained."""
        return next((trial for trial in self.trials if trial.number == 1 and trial.validation is not None), None)

    def to_json(self) -> dict[str, Any]:
        """Returns the content of `trials.json`: what was searched, and what came of each trial."""
        return {
            "method": self.method,
            "metric": MONITOR,
            "budget": self.budget,
            "space": [dataclasses.asdict(dimension) for dimension in self.space],
            "best": None if self.best is None else self.best.number,
            "trials": [dataclasses.asdict(trial) for trial in self.trials],
        }


def write_trials(result: SearchResult) -> None:
    """Writes `trials.json` into the folder of a search."""
    write_json(os.path.join(result.folder, TRIALS_FILE), result.to_json())


def write_best(result: SearchResult) -> None:
    """Writes the best values as `best.yaml` into the folder of a search; nothing if no trial was trained."""
    if result.best is not None:
        text = f"# {result.title}, trial {result.best.number} of {result.budget}: validation NDCG@10 "
        text += f"{result.best.validation:.4f}\n{as_yaml(result.best.values)}"
        write_whole(os.path.join(result.folder, BEST_FILE), text.encode())
