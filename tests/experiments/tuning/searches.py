"""Searches whose trials train nothing: their validation is a function of the learning rate.

As a program (`python -m tests.experiments.tuning.searches FOLDER TRIALS [NUMBER EPOCH]`) it runs a search, and kills
itself in an epoch of a trial if told one.
"""

import dataclasses
import io
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from experiments.runs.dataset import Dataset
from experiments.runs.result import RunResult, Status
from experiments.runs.run import Run
from experiments.tuning.result import SearchResult
from experiments.tuning.search import search
from model.config import MONITOR
from model.training.schedule import Schedule
from pipeline.config import PipelineConfig, parse_config
from reporting.console import Screen
from schemas.training import TrainingHistory

DATA = Dataset("examples", "catalogue", {"train": 100, "val": 10, "test": 10}, "digest")
BEST_RATE = 2e-3
EPOCHS = 5


def config(**sections: Any) -> PipelineConfig:
    values = {"name": "log", "source": {"path": "log.csv"}, "windows": {"cutoffs": ["2024-08-01"]}}
    return parse_config({**values, "training": {"epochs": EPOCHS}, **sections}, "test")


def quality(rate: float) -> float:
    """Largest at BEST_RATE."""
    return 0.3 - 0.1 * abs(math.log10(rate / BEST_RATE))


class FakeExecutor:
    """Executes runs as `execute_run` does, and goes on after the last whole epoch of one that was killed.

    Args:
        curve: gives the validation of an epoch, of a configuration.
        outcomes: status and reason of some trials, by number, instead of training.
        stop: is called before each epoch with the number of the trial and of the epoch.
        epoch_steps: steps of a pass, of which an epoch of a trial is a round (`model.training.schedule`).
    """

    def __init__(
        self,
        curve: Callable[[PipelineConfig, int], float] | None = None,
        outcomes: Mapping[int, tuple[Status, str]] | None = None,
        stop: Callable[[int, int], None] = lambda number, epoch: None,
        epoch_steps: int = 1,
    ):
        self.curve = curve or (lambda config, epoch: quality(config.training.learning_rate) * (1 - 0.5**epoch))
        self.outcomes = outcomes or {}
        self.stop = stop
        self.epoch_steps = epoch_steps
        self.runs: list[Run] = []
        self.epochs: list[tuple[int, int]] = []

    def __call__(
        self,
        run: Run,
        data: Dataset,
        folder: str,
        *,
        memory_limit: int | None,
        on_epoch: Callable[[dict[str, float]], bool],
        on_stage: Callable[[str], None],
        evaluate: bool,
    ) -> RunResult:
        assert data == DATA and not evaluate  # the test split is not touched
        self.runs.append(run)
        number = int(run.name.rpartition("trial")[2])
        if number in self.outcomes:
            return RunResult.unmeasured(run, "key", "digest", *self.outcomes[number])
        os.makedirs(folder, exist_ok=True)
        entries = []
        schedule = Schedule(self.epoch_steps, run.config.training.epochs)
        for epoch in range(1, schedule.rounds + 1):
            passes = schedule.epochs_after(epoch)
            entries.append({"epoch": epoch, "passes": passes, MONITOR: self.curve(run.config, epoch)})
            if os.path.exists(os.path.join(folder, f"epoch{epoch}")):
                continue
            on_stage(f"in training epoch {epoch}")
            self.stop(number, epoch)
            self.epochs.append((number, epoch))
            open(os.path.join(folder, f"epoch{epoch}"), "w").close()
            if not on_epoch(entries[-1]):
                return RunResult.unmeasured(run, "key", "digest", "stopped")
        result = RunResult.unmeasured(run, "key", "digest", "finished")
        return dataclasses.replace(result, training=TrainingHistory(tuple(entries)))


class Listener(Screen):
    """Hands on what a screen is told.

    Args:
        say: is given whole lines.
        show: is given what is shown in the place of the text before, unless that is only taken away.
    """

    def __init__(self, say: Callable[[str], None], show: Callable[[str], None]):
        super().__init__(io.StringIO())
        self.say, self.show = say, show

    def line(self, text: str) -> None:
        self.say(text)

    def redraw(self, text: str) -> None:
        if text:
            self.show(text)


def run(
    folder: object,
    trials: int,
    executor: FakeExecutor | None = None,
    method: str = "dspnet",
    memory_limit: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    show: Callable[[str], None] = lambda text: None,
    **sections: Any,
) -> SearchResult:
    executor = executor or FakeExecutor()
    return search(config(**sections), method, trials, DATA, str(folder), memory_limit, Listener(say, show), executor)


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    """All of a search that does not depend on the clock."""
    return [(trial.number, trial.values, trial.status, trial.epochs) for trial in result.trials]


def main(folder: str, trials: str, *kill: str) -> None:
    def stop(number: int, epoch: int) -> None:
        if [number, epoch] == list(map(int, kill)):
            os.kill(os.getpid(), signal.SIGKILL)

    run(folder, int(trials), FakeExecutor(stop=stop), say=lambda line: print(line, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
