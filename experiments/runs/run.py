"""A run of an experiment: one model, what it is trained with, and what its worker process is asked and reports."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from experiments.runs.dataset import Dataset
from model.methods import METHODS, Role
from pipeline.config import PipelineConfig, parse_config
from schemas.dotted_keys import set_value
from schemas.errors import UserError


@dataclasses.dataclass(frozen=True)
class Run:
    """One model that is trained and measured.

    Attributes:
        name: name that is unique in its benchmark and can be the name of a folder.
        label: label of the run's row in a table, as in "BERT4Rec" or "w/o CCR".
        role: ``dspnet``, ``baseline``, or ``ablation``, which is DSPnet without a part of it.
        config: complete configuration; ``model.name``, ``training.questions`` and ``training.seed`` say what is
            trained.
        tuned: keys of `config` that a search chose, with their values.
    """

    name: str
    label: str
    role: Role
    config: PipelineConfig
    tuned: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def trained(self) -> bool:
        """Whether the method is trained epoch by epoch; otherwise it counts, once."""
        return METHODS[self.config.model.name].trained


def compute_run_key(run: Run, data_digest: str) -> str:
    """Returns a digest of everything but the code that the numbers of a run depend on.

    It leaves out how a model is served and the thresholds that it must reach to be pushed.

    Args:
        run: the run.
        data_digest: digest of the sequences and catalogues (`experiments.runs.dataset.Dataset.digest`).
    """
    config = run.config
    parts = {
        "data": data_digest,
        "model": config.model.model_dump(mode="json"),
        "training": config.training.model_dump(mode="json"),
        "max_history": config.windows.max_history,
        "k": config.evaluation.k,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def change_values(config: PipelineConfig, values: Mapping[str, Any]) -> PipelineConfig:
    """Returns a configuration with some of its values changed.

    Args:
        config: configuration to change.
        values: new values by dotted key, as in ``{"training.learning_rate": 0.001}``.

    Raises:
        UserError: if a key is unknown or a value is not allowed.
    """
    changed = config.model_dump(mode="json")
    for key, value in values.items():
        try:
            set_value(changed, key, value)
        except ValueError as error:
            raise UserError(str(error)) from error
    return parse_config(changed, f"{config.name} with {', '.join(values)}")


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """What a worker process is asked to do.

    Attributes:
        run: run whose model is trained.
        data: sequences and catalogues that the model is trained and measured on.
        folder: folder of the run.
        source_digest: digest of the code that trains and measures.
        evaluate: whether the model is measured, too.
    """

    run: Run
    data: Dataset
    folder: str
    source_digest: str
    evaluate: bool

    @property
    def key(self) -> str:
        """Digest of everything but the code that the numbers depend on."""
        return compute_run_key(self.run, self.data.digest)

    @property
    def log_file(self) -> str:
        """File of what the worker process writes on standard error."""
        return os.path.join(self.folder, "run.log")

    @property
    def model_folder(self) -> str:
        """Folder of the exported model."""
        return os.path.join(self.folder, "model")

    @property
    def trained_file(self) -> str:
        """File that is written after the model: a run that is killed later needs only to be measured."""
        return os.path.join(self.folder, "trained.json")

    @property
    def checkpoints_folder(self) -> str:
        """Folder of the state that a killed training is resumed from."""
        return os.path.join(self.folder, "checkpoints")

    @property
    def training_folder(self) -> str:
        """Folder of `training.json` and of the files for TensorBoard."""
        return os.path.join(self.folder, "training")


@dataclasses.dataclass(frozen=True)
class StageMessage:
    """A report of a worker process that a stage of its run begins.

    Attributes:
        stage: phrase that says where the run is, as in "in training epoch 3".
    """

    stage: str


@dataclasses.dataclass(frozen=True)
class EpochMessage:
    """A report of a worker process after an epoch; the process then waits for True, to go on, or False, to stop.

    Attributes:
        entry: the epoch's entry of `training.json`.
    """

    entry: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class ErrorMessage:
    """The last report of a worker process that failed; one that did not fail sends its `RunResult`.

    Attributes:
        message: what the exception said.
        out_of_memory: whether the exception says that memory ran out.
    """

    message: str
    out_of_memory: bool
