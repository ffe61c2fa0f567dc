"""What came of a run, in memory and in `result.json`, which is written last: a run that has one has ended."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any, Literal

from experiments.runs.run import Role, Run
from model.methods import METHODS
from schemas.atomic_file import write_whole
from schemas.evaluation import Slice
from schemas.training import TrainingHistory

RESULT_FILE = "result.json"

FINISHED: Literal["finished"] = "finished"
OUT_OF_MEMORY: Literal["out_of_memory"] = "out_of_memory"
FAILED: Literal["failed"] = "failed"
STOPPED: Literal["stopped"] = "stopped"

Status = Literal["finished", "out_of_memory", "failed", "stopped"]

SETTINGS_CHANGED = "their settings or data have changed"
"""The reason to repeat runs that have results with another key."""


@dataclasses.dataclass(frozen=True)
class RunCost:
    """What a run costs; what is unknown, or does not apply because nothing is trained, is None.

    Attributes:
        training_seconds: time of all epochs; of a method that counts, the time of the whole training step.
        epochs: number of epochs that were trained; where the train split is long, an epoch is a part of a pass over it
            (`model.training.schedule`).
        best_epoch: number of the epoch whose weights were kept, from 1.
        sequences_per_second: rate of the epochs after the first, validation included.
        peak_memory_bytes: largest memory that the process held until its end.
        training_peak_memory_bytes: largest memory that the process held until the end of training.
        parameters: number of trained weights.
        evaluation_seconds: time of the evaluation.
        wall_seconds: time of the whole run; of a run that was resumed, the time of its last process alone.
    """

    training_seconds: float | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    sequences_per_second: float | None = None
    peak_memory_bytes: int | None = None
    training_peak_memory_bytes: int | None = None
    parameters: int | None = None
    evaluation_seconds: float | None = None
    wall_seconds: float | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "RunCost":
        """Returns the cost that `dataclasses.asdict` has written; a key that is absent is None."""
        return cls(**{field.name: content.get(field.name) for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What came of a run: what was run, how it ended, and what was measured.

    What was not measured is None: everything of a run that did not finish, and the metrics of a run that was not to be
    evaluated.

    Attributes:
        name: name of the run.
        label: label of the run's row in a table.
        role: role of the run in a benchmark.
        method: name of the method, as in ``model.name``.
        seed: seed of the training.
        target: what is predicted in training, as `model.questions.label_questions` writes it.
        objective: training objective that the method uses, whatever is configured.
        sampling: sampling of candidates, as in ``training.candidates.sampling``.
        key: digest of everything but the code that the numbers depend on (`experiments.runs.run.compute_run_key`).
        tuned: keys of the configuration that a search chose, with their values.
        config: complete configuration, as JSON has it.
        source_digest: digest of the code that trains and measures.
        status: how the run ended; ``stopped`` if its caller stopped it.
        reason: why the run did not finish, in whole sentences; empty otherwise.
        memory_limit: largest memory that the process was allowed, in bytes; None for no limit.
        machine: description of the machine (`reporting.environment.describe_machine`).
        sequences: number of test sequences.
        digest: digest of the test users and their futures; runs with the same digest can be compared.
        slices: parts of the test split, by name.
        metrics: mean over test sequences, by ``task/metric`` or ``task/metric/slice``.
        cost: what the run cost.
        training: what each epoch measured.
    """

    name: str
    label: str
    role: Role
    method: str
    seed: int
    target: str
    objective: str
    sampling: str
    key: str
    tuned: Mapping[str, Any]
    config: Mapping[str, Any]
    source_digest: str
    status: Status
    reason: str = ""
    memory_limit: int | None = None
    machine: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sequences: int | None = None
    digest: str | None = None
    slices: Mapping[str, Slice] | None = None
    metrics: Mapping[str, float] | None = None
    cost: RunCost = RunCost()
    training: TrainingHistory | None = None

    @classmethod
    def unmeasured(cls, run: Run, key: str, source_digest: str, status: Status, reason: str = "") -> "RunResult":
        """Returns the result of a run of which nothing is measured, or not yet.

        Args:
            run: the run.
            key: digest from `experiments.runs.run.compute_run_key`.
            source_digest: digest of the code that trains and measures.
            status: how the run ended.
            reason: why it did not finish.
        """
        training, method = run.config.training, run.config.model.name
        return cls(
            name=run.name,
            label=run.label,
            role=run.role,
            method=method,
            seed=training.seed,
            target=training.target,
            objective=METHODS[method].objective(training.objective),
            sampling=training.candidates.sampling,
            key=key,
            tuned=dict(run.tuned),
            config=run.config.model_dump(mode="json"),
            source_digest=source_digest,
            status=status,
            reason=reason,
        )

    def relabel(self, run: Run) -> "RunResult":
        """Returns the result described as its run is now: the key is the same, but the label may be another."""
        return dataclasses.replace(
            self.unmeasured(run, self.key, self.source_digest, self.status, self.reason),
            **{name: getattr(self, name) for name in _MEASURED},
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the content of `result.json`."""
        training = None if self.training is None else self.training.to_json()
        return {**dataclasses.asdict(self), "training": training}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "RunResult":
        """Returns the result in the content of a `result.json`, also of one that older code has written.

        Keys that are unknown are ignored, and keys that are absent hold nothing.
        """
        slices, training = content.get("slices"), content.get("training")
        return cls(
            name=content.get("name", ""),
            label=content.get("label", ""),
            role=content.get("role", "baseline"),
            method=content.get("method", ""),
            seed=content.get("seed", 0),
            target=content.get("target", ""),
            objective=content.get("objective", ""),
            sampling=content.get("sampling", ""),
            key=content.get("key", ""),
            tuned=content.get("tuned") or {},
            config=content.get("config") or {},
            source_digest=content.get("source_digest", ""),
            status=content.get("status", FAILED),
            reason=content.get("reason", ""),
            memory_limit=content.get("memory_limit"),
            machine=content.get("machine") or {},
            sequences=content.get("sequences"),
            digest=content.get("digest"),
            slices=slices and {name: Slice(part["title"], part["sequences"]) for name, part in slices.items()},
            metrics=content.get("metrics"),
            cost=RunCost.from_json(content.get("cost") or {}),
            training=TrainingHistory.from_json(training) if training else None,
        )


_MEASURED = ("memory_limit", "machine", "sequences", "digest", "slices", "metrics", "cost", "training")
"""Attributes of a `RunResult` that a run finds out; all others describe the run, and how it ended."""


def write_result(folder: str, result: RunResult) -> None:
    """Writes `result.json` into the folder of a run, whole or not at all."""
    write_json(os.path.join(folder, RESULT_FILE), result.to_json())


def read_result(folder: str) -> RunResult | None:
    """Reads `result.json` in the folder of a run; returns None if there is none."""
    content = read_json(os.path.join(folder, RESULT_FILE))
    return None if content is None else RunResult.from_json(content)


def write_json(path: str, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def read_json(path: str) -> dict[str, Any] | None:
    """Reads a JSON file that `write_json` wrote; returns None if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def explain_rerun(result: RunResult, run: Run, key: str, source_digest: str, memory_limit: int | None) -> str | None:
    """Says why a run with an earlier result is run again; returns None if the result stands.

    The result of a finished run stands, and so does that of a run that took more memory than it was allowed, unless
    the run is allowed more now.

    Args:
        result: what came of the run earlier.
        run: the run as it is now.
        key: digest of everything but the code that its numbers depend on now.
        source_digest: digest of the code now.
        memory_limit: bytes that it may take now; None for no limit.
    """
    if result.key != key:
        return SETTINGS_CHANGED
    if result.status == FAILED:
        return "they failed"
    if result.source_digest != source_digest:
        return "the code that trains them has changed"
    if result.status == OUT_OF_MEMORY:
        limit = _as_float(result.memory_limit)
        if _as_float(result.cost.peak_memory_bytes) <= limit:
            return "the machine had no memory left for them"
        if _as_float(memory_limit) > limit:
            return "they may take more memory now"
        if result.config["evaluation"]["batch_size"] != run.config.evaluation.batch_size:
            return SETTINGS_CHANGED  # numbers do not depend on it, but memory does
    return None


def _as_float(limit: int | None) -> float:
    return float("inf") if limit is None else limit
