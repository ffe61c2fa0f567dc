"""The model of a batch job, loaded once by each process that asks it."""

from typing import Any

from apache_beam.utils import shared

from model.export import saved_model

FUNCTIONS = ("recommend_fingerprints", "recommend_unseen_fingerprints")
"""Functions of `ServingModule` that a batch job calls: its events hold fingerprints rather than raw ids."""


class UnusableModelError(Exception):
    """A SavedModel that cannot be asked; the message says what to do."""


class ModelHandle:
    """Names a model; travels to the workers in its place.

    Args:
        folder: of one version, as seen by the workers.
    """

    def __init__(self, folder: str):
        self._folder = folder
        self._shared = shared.Shared()

    def load(self) -> Any:
        """Returns the model, loaded unless this process has it already.

        Raises:
            UnusableModelError: if it cannot be loaded here, or lacks `FUNCTIONS`.
        """
        return self._shared.acquire(self._load)

    def release(self) -> None:
        """Lets go of the model; Beam would hold it for as long as this process lives."""
        shared.Shared().acquire(lambda: None)  # Beam holds what was acquired last.

    def _load(self) -> Any:
        try:
            loaded = saved_model.load(self._folder)
        except (ImportError, OSError) as error:
            raise UnusableModelError(f"--model: {self._folder} cannot be loaded: {error}") from error
        missing = [name for name in FUNCTIONS if not hasattr(loaded, name)]
        if missing:
            raise UnusableModelError(
                f"--model: {self._folder} has no function {', '.join(missing)}. It was exported by an older version of "
                "this project, or by another: run the pipeline again"
            )
        return loaded
