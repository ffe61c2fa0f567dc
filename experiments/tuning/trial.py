"""One trial of a search: a training on the train split, judged on the val split, stopped when it falls behind."""

import dataclasses
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.runs.dataset import Dataset
from experiments.runs.run import FAILED, FINISHED, MONITOR, STOPPED, Run, RunResult, with_values
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
        outcome = RunResult(twin.status, twin.reason, None)
    else:
        if before is not None and tried(before, number, trainings.space) == values:
            epochs.keep_all(before.intermediate_values)
        else:
            shutil.rmtree(folder, ignore_errors=True)  # Of an attempt at other values, or that failed.
        outcome = _train(number, values, trainings, folder, epochs)
    record = TrialRecord(
        number=number,
        values=values,
        status=outcome.status,
        validation=max(epochs.known.values()) if outcome.status in TRAINED else None,
        epochs=tuple(value for _, value in sorted(epochs.known.items())),
        seconds=time.monotonic() - start,
        reason=outcome.reason,
    )
    records.end(study, trial, record, trainings.memory_limit)
    if outcome.status in TRAINED:
        shutil.rmtree(folder, ignore_errors=True)
    return record


def _train(number: int, values: Mapping[str, Any], trainings: Trainings, folder: str, epochs: "_Epochs") -> RunResult:
    try:
        # The first trial is the configuration itself, down to the last digit.
        config = trainings.config if number == 1 else with_values(trainings.config, values)
    except UserError as error:
        return RunResult(FAILED, str(error), None)

    def keeps_up(epoch: float) -> bool:
        # The configuration as it is must be known to its end; in the last epoch there is nothing left to save.
        return number == 1 or epoch >= config.training.epochs or not epochs.trial.should_prune()

    def goes_on(entry: Mapping[str, float]) -> bool:
        epochs.keep(entry)
        return keeps_up(entry["epoch"])

    # It may have been killed between its last epoch and the answer to it.
    if epochs.known and not keeps_up(max(epochs.known)):
        return RunResult(STOPPED, "", None)
    name = config.model.name
    cell = Run(f"{name}-trial{number}", METHODS[name].title, METHODS[name].role, config, values)
    outcome = trainings.execute_run(
        cell,
        trainings.data,
        folder,
        memory_limit=trainings.memory_limit,
        on_epoch=goes_on,
        on_stage=lambda stage: trainings.show(stage_line(number, epochs.known, stage)),
        evaluate=False,
    )
    if outcome.status == FINISHED and outcome.result is not None:
        for entry in outcome.result["training"]["epochs"]:
            epochs.keep(entry)
    if outcome.status in TRAINED and not all(map(math.isfinite, epochs.known.values())):
        return RunResult(FAILED, "The validation NDCG@10 is not a finite number.", None)
    return outcome


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
