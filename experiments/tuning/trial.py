"""One trial of a search: a training on the train split, judged on the val split, stopped when it falls behind."""

import dataclasses
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.runs.dataset import Dataset
from experiments.runs.result import FAILED, FINISHED, STOPPED, RunResult, Status
from experiments.runs.run import MONITOR, Role, Run, with_values
from experiments.tuning import records
from experiments.tuning.lines import stage_line
from experiments.tuning.records import TRAINED, TrialRecord
from experiments.tuning.study import ask, tried
from model.methods import METHODS
from pipeline.config import PipelineConfig
from pipeline.tuning_config import Dimension
from schemas.errors import UserError

if TYPE_CHECKING:
    import optuna

RunCell = Callable[..., RunResult]
"""As `experiments.runs.execute.execute_run`."""


@dataclasses.dataclass(frozen=True)
class Trainings:
    """How the trials of a search are trained.

    Attributes:
        config: the configuration as it is, with the name of the method.
        space: what is searched.
        data: what they are trained on.
        folder: where they are trained; one that failed is left there, the others are removed.
        memory_limit: most memory of one, in bytes; None for no limit.
        execute_run: trains one.
        show: is told where the one that runs is, again and again.
    """

    config: PipelineConfig
    space: Sequence[Dimension]
    data: Dataset
    folder: str
    memory_limit: int | None
    execute_run: RunCell
    show: Callable[[str], None]


def run_trial(study: "optuna.Study", number: int, trainings: Trainings, earlier: Iterable[TrialRecord]) -> TrialRecord:
    """Runs one trial to its end; one that was killed goes on where it was.

    Args:
        study: from `experiments.tuning.study.open_study`.
        number: of the trial, from 1.
        trainings: how.
        earlier: the trials that are done; what one of them has tried is not trained again.
    """
    before = records.killed(study, number)
    trial = ask(study, number, trainings.config.training.seed, trainings.space)
    records.begin(trial, number)
    values = tried(trial, number, trainings.space)
    folder = os.path.join(trainings.folder, f"trial{number}")
    epochs = _Epochs(trial)
    twin = next((one for one in earlier if one.values == values), None)
    start = time.monotonic()
    if twin is not None:
        epochs.keep_all(dict(enumerate(twin.epochs, start=1)))
        status, reason = twin.status, twin.reason
    else:
        if before is not None and tried(before, number, trainings.space) == values:
            epochs.keep_all(before.intermediate_values)
        else:
            shutil.rmtree(folder, ignore_errors=True)  # Of an attempt at other values, or that failed.
        status, reason = _train(number, values, trainings, folder, epochs)
    record = TrialRecord(
        number=number,
        values=values,
        status=status,
        validation=max(epochs.known.values()) if status in TRAINED else None,
        epochs=tuple(value for _, value in sorted(epochs.known.items())),
        seconds=time.monotonic() - start,
        reason=reason,
    )
    records.end(study, trial, record, trainings.memory_limit)
    if status in TRAINED:
        shutil.rmtree(folder, ignore_errors=True)
    return record


def _train(
    number: int, values: Mapping[str, Any], trainings: Trainings, folder: str, epochs: "_Epochs"
) -> tuple[Status, str]:
    """Returns how the training of a trial ended, and why it did not finish."""
    try:
        # The first trial is the configuration itself, down to the last digit.
        config = trainings.config if number == 1 else with_values(trainings.config, values)
    except UserError as error:
        return FAILED, str(error)

    def keeps_up(epoch: float) -> bool:
        # The configuration as it is must be known to its end; in the last epoch there is nothing left to save.
        return number == 1 or epoch >= config.training.epochs or not epochs.trial.should_prune()

    def goes_on(entry: Mapping[str, float]) -> bool:
        epochs.keep(entry)
        return keeps_up(entry["epoch"])

    # It may have been killed between its last epoch and the answer to it.
    if epochs.known and not keeps_up(max(epochs.known)):
        return STOPPED, ""
    name = config.model.name
    role: Role = "dspnet" if name == "dspnet" else "baseline"
    cell = Run(f"{name}-trial{number}", METHODS[name].title, role, config, values)
    result = trainings.execute_run(
        cell,
        trainings.data,
        folder,
        memory_limit=trainings.memory_limit,
        on_epoch=goes_on,
        on_stage=lambda stage: trainings.show(stage_line(number, epochs.known, stage)),
        evaluate=False,
    )
    if result.status == FINISHED and result.training is not None:
        for entry in result.training.epochs:
            epochs.keep(entry)
    if result.status in TRAINED and not all(map(math.isfinite, epochs.known.values())):
        return FAILED, "The validation NDCG@10 is not a finite number."
    return result.status, result.reason


class _Epochs:
    """The validation NDCG@10 of each epoch of a trial; one that a killed attempt has reached before is kept once."""

    def __init__(self, trial: "optuna.Trial"):
        self.trial = trial
        self.known: dict[int, float] = {}

    def keep(self, entry: Mapping[str, float]) -> None:
        """Keeps an entry of `training.json`."""
        self.keep_all({int(entry["epoch"]): float(entry[MONITOR])})

    def keep_all(self, values: Mapping[int, float]) -> None:
        """Keeps values by epoch."""
        for epoch, value in values.items():
            if epoch not in self.known:
                self.known[epoch] = value
                self.trial.report(value, epoch)
