"""A cell of an experiment: one model, what it is trained with, and what came of it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from experiments.runs.dataset import Dataset
from model.config import MONITOR as MONITOR  # what an entry is judged by, if there is a validation split
from model.methods import METHODS, Role
from pipeline.config import PipelineConfig, parse_config

FINISHED: Literal["finished"] = "finished"
OUT_OF_MEMORY: Literal["out_of_memory"] = "out_of_memory"
FAILED: Literal["failed"] = "failed"
STOPPED: Literal["stopped"] = "stopped"

Status = Literal["finished", "out_of_memory", "failed", "stopped"]


@dataclasses.dataclass(frozen=True)
class Run:
    """What is trained and measured at once.

    Attributes:
        name: unique in its benchmark, and fit for a folder.
        label: of its row in a table, as in "BERT4Rec" or "w/o CCR".
        role: ``dspnet``, a ``baseline``, or an ``ablation``: DSPnet without a part of it.
        config: complete; ``model.name``, ``training.target`` and ``training.seed`` say what is trained.
        tuned: the keys of `config` that a search chose, with their values.
    """

    name: str
    label: str
    role: Role
    config: PipelineConfig
    tuned: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def learned(self) -> bool:
        """Whether it is trained epoch by epoch; else it counts, once."""
        return METHODS[self.config.model.name].trained


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What became of a cell.

    Attributes:
        status: ``stopped`` is for one that was told to stop.
        reason: why it did not finish, in whole sentences; empty if it did.
        result: content of `result.json` (`experiments.runs.result`); None for one that was stopped.
    """

    status: Status
    reason: str
    result: dict[str, Any] | None


def run_key(cell: Run, data_digest: str) -> str:
    """Returns a digest of all that the numbers of a cell depend on, but for the code.

    How a model is served is no part of it, nor what it must reach to be pushed.

    Args:
        cell: what is measured.
        data_digest: of the sequences and catalogues (`experiments.runs.dataset`).
    """
    config = cell.config
    parts = {
        "data": data_digest,
        "model": config.model.model_dump(mode="json"),
        "training": config.training.model_dump(mode="json"),
        "max_history": config.windows.max_history,
        "k": config.evaluation.k,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def with_values(config: PipelineConfig, values: Mapping[str, Any]) -> PipelineConfig:
    """Returns a configuration with some of its values changed.

    Args:
        config: what to change.
        values: by key, as in ``{"training.learning_rate": 0.001}``.

    Raises:
        UserError: if a key is unknown or a value is not allowed.
    """
    changed = config.model_dump(mode="json")
    for key, value in values.items():
        *sections, last = key.split(".")
        section = changed
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return parse_config(changed, f"{config.name} with {', '.join(values)}")


STAGE: Literal["stage"] = "stage"
"""Comes with a phrase that says where the work is, as in "in training epoch 3"."""
EPOCH: Literal["epoch"] = "epoch"
"""Comes with an entry of `training.json`, and waits for True, to go on, or False, to stop."""
# The last message is a status of `experiments.runs.run`. Finished comes with what was measured, failed and out of
# memory with what the exception said.

LOG_FILE = "run.log"
MODEL_FOLDER = "model"
TRAINED_FILE = "trained.json"
"""Written when the model is: a cell that is killed later needs only to be measured."""
CHECKPOINTS_FOLDER = "checkpoints"
RUN_FOLDER = "training"
"""For `training.json` and TensorBoard."""


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """What is to be done.

    Attributes:
        cell: what is trained.
        data: on what.
        folder: of the cell.
        source_digest: of the code.
        evaluate: whether the model is measured, too.
    """

    cell: Run
    data: Dataset
    folder: str
    source_digest: str
    evaluate: bool
