"""Training that has diverged stops, before anything is kept of it."""

import math
from typing import Any

import tf_keras


class FiniteLosses(tf_keras.callbacks.Callback):
    """Fails at the end of an epoch in which a logged value is infinite or not a number.

    Stand before all callbacks that keep weights: a model of such numbers would be saved, exported and pushed.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at every logged value.

        Raises:
            FloatingPointError: names the epoch and the values.
        """
        broken = sorted(name for name, value in (logs or {}).items() if not math.isfinite(value))
        if broken:
            raise FloatingPointError(
                f"Training diverged in epoch {epoch + 1}: {', '.join(broken)} became infinite or not a number. "
                "Lower training.learning_rate, or the weights of the terms in training."
            )
