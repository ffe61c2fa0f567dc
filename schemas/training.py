"""The history of a training, which the trainer writes beside the model and reports and experiments read."""

import dataclasses
from collections.abc import Mapping
from typing import Any

TRAINING_FILE = "training.json"
"""Name of the file, in Trainer's `model_run` folder."""


@dataclasses.dataclass(frozen=True)
class TrainingHistory:
    """What was measured in training, epoch by epoch: the content of `TRAINING_FILE`.

    Attributes:
        epochs: one mapping an epoch: ``epoch`` (from 1), ``seconds``, and the logged values by name; empty for a
            method that counts.
        best_epoch: number of the epoch whose weights were kept; None without epochs.
        monitor: name of the logged value that chose the best epoch; None without a validation split.
        parameters: number of trained weights; 0 for a method that counts, None if unknown.
    """

    epochs: tuple[Mapping[str, float], ...] = ()
    best_epoch: int | None = None
    monitor: str | None = None
    parameters: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the content of `TRAINING_FILE`."""
        return {**dataclasses.asdict(self), "epochs": [dict(epoch) for epoch in self.epochs]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TrainingHistory":
        """Returns the history in the content of a `TRAINING_FILE`; a key that is absent is None."""
        return cls(
            epochs=tuple(content.get("epochs") or ()),
            best_epoch=content.get("best_epoch"),
            monitor=content.get("monitor"),
            parameters=content.get("parameters"),
        )
