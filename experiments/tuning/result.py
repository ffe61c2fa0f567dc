"""What a search found, and the files that tell it: `trials.json`, and `best.yaml` to paste into a configuration."""

import dataclasses
import os
from collections.abc import Sequence

from experiments.runs.result import write_json
from experiments.runs.run import MONITOR
from experiments.tuning.records import TrialRecord
from pipeline.tuning_config import Dimension
from schemas.atomic_file import write_whole
from schemas.dotted_keys import as_yaml

TRIALS_FILE = "trials.json"
BEST_FILE = "best.yaml"


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        method: as in `model.name`.
        title: as in tables.
        space: what was searched.
        budget: how many trials it was given.
        trials: those that were run so far, by number.
        folder: where its files are.
    """

    method: str
    title: str
    space: Sequence[Dimension]
    budget: int
    trials: Sequence[TrialRecord]
    folder: str

    @property
    def best(self) -> TrialRecord | None:
        """The trial with the largest validation NDCG@10, of equal ones the first; None if all failed."""
        trained = [trial for trial in self.trials if trial.validation is not None]
        return max(trained, key=lambda trial: trial.validation or 0.0, default=None)

    @property
    def configured(self) -> TrialRecord | None:
        """The trial of the configuration as it is, if that was trained."""
        return next((trial for trial in self.trials if trial.number == 1 and trial.validation is not None), None)


def write_trials(result: SearchResult) -> None:
    """Writes what was searched and what became of each trial, as JSON."""
    best = result.best
    content = {
        "method": result.method,
        "metric": MONITOR,
        "budget": result.budget,
        "space": [dataclasses.asdict(dimension) for dimension in result.space],
        "best": None if best is None else best.number,
        "trials": [dataclasses.asdict(trial) for trial in result.trials],
    }
    write_json(os.path.join(result.folder, TRIALS_FILE), content)


def write_best(result: SearchResult) -> None:
    """Writes the best values as YAML; nothing if no trial was trained."""
    if result.best is not None:
        text = f"# {result.title}, trial {result.best.number} of {result.budget}: validation NDCG@10 "
        text += f"{result.best.validation:.4f}\n{as_yaml(result.best.values)}"
        write_whole(os.path.join(result.folder, BEST_FILE), text.encode())
