"""The history of a training, which the trainer writes beside the model and reports and experiments read."""

import dataclasses
from collections.abc import Mapping
from typing import Any

TRAINING_FILE = "training.json"
"""Name of the file, in Trainer's `model_run` folder."""

_ROUNDING = 1e-12
"""More than divisions of passes round off, and less than a step."""


@dataclasses.dataclass(frozen=True)
class TrainingHistory:
    """What was measured in training, epoch by epoch: the content of `TRAINING_FILE`.

    Attributes:
        epochs: one mapping an epoch: ``epoch`` (from 1), ``passes`` over the train split so far, ``seconds``, and the
            logged values by name; empty for a method that counts.
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


def count_passes(epoch: Mapping[str, float]) -> float:
    """Returns how many passes over the train split an epoch of `TrainingHistory.epochs` ends at.

    Where the file does not tell, each epoch is a pass.
    """
    return epoch.get("passes", epoch["epoch"])


def is_last(epoch: Mapping[str, float], most_passes: int) -> bool:
    """Returns whether no epoch as long as those so far fits into the passes that a training may make.

    Epochs need not fill the passes: two of 500 steps are less than a pass of 1001 steps, and three are more.

    Args:
        epoch: one of `TrainingHistory.epochs`.
        most_passes: `training.epochs`.
    """
    passes, number = count_passes(epoch), epoch["epoch"]
    return passes * (number + 1) / number > most_passes * (1 + _ROUNDING)
