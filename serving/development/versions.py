"""Watches a folder of versions and holds the newest one, loaded."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping

from tensorflow_serving.apis import get_model_status_pb2

from schemas.errors import UserError
from serving.development.model import LoadedModel, load_model
from serving.development.refusals import Reason, RefusalError
from serving.error_text import summarize_error
from serving.version_folders import find_versions, list_files

RETRY_SECONDS = 60.0
"""After this long a version that could not be loaded is tried again, even if its files are the same."""

_OK, _UNKNOWN_ERROR = 0, 2  # of tensorflow.error.Code

_logger = logging.getLogger(__name__)


class NoVersionError(UserError):
    """Nothing in the folder can be served; the message says why."""


@dataclasses.dataclass(frozen=True)
class VersionState:
    """The state of a version.

    Attributes:
        state: the name of a ``ModelVersionStatus.State``: LOADING, AVAILABLE or END.
        error: why the version could not be loaded; "" if it could.
    """

    state: str
    error: str = ""


@dataclasses.dataclass(frozen=True)
class _Failure:
    files: tuple[tuple[str, int, int], ...]
    at: float


class Versions:
    """Serves the newest version that lies in a folder, as TensorFlow Serving does by default.

    A new version is loaded and warmed up beside the old one and then takes its place at once; requests that the old
    one is answering finish on it. A version that is half copied or broken leaves the old one in place: it is tried
    again when its files change, and every `RETRY_SECONDS`, but warned about once. When the newest version is removed,
    the next older one takes its place; when all are, the last one stays.

    Args:
        name: name of the model.
        base: folder that holds ``<version>/saved_model.pb``.
        load: loads the model that lies in a folder, given its version.
        poll_seconds: time between two looks at the folder.
    """

    def __init__(
        self,
        name: str,
        base: str,
        load: Callable[[str, int], LoadedModel] = load_model,
        poll_seconds: float = 1.0,
    ):
        self.name = name
        self.base = base
        self._load = load
        self._poll_seconds = poll_seconds
        self._current: LoadedModel | None = None
        self._states: dict[int, VersionState] = {}
        self._failures: dict[int, _Failure] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> LoadedModel | None:
        """The version that is served."""
        return self._current

    @property
    def states(self) -> Mapping[int, VersionState]:
        """The state of each version that was tried."""
        return self._states

    def select(self, name: str, version: int | None = None) -> LoadedModel:
        """Returns the version to answer a request with; it stays usable when another takes its place.

        Raises:
            RefusalError: if another model is asked for, or a version that is not served.
        """
        current = self._current  # read once: it may be replaced between two lines
        if current is None or name != self.name or version not in (None, current.version):
            wanted = f"Specific({name}, {version})" if version is not None else f"Latest({name})"
            served = f"{self.name}, version {current.version}" if current else "nothing yet"
            raise RefusalError(f"Servable not found for request: {wanted}. Served here: {served}", Reason.NOT_FOUND)
        return current

    def get_status(self, name: str, version: int | None = None) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the states of the versions of a model, newest first, in the message of both protocols.

        Args:
            name: name of the model asked for.
            version: the version asked for; all when None.

        Raises:
            RefusalError: if there is no such model or version.
        """
        states = self._states if name == self.name else {}
        chosen = [number for number in sorted(states, reverse=True) if version in (None, number)]
        if not chosen:
            wanted = f"version {version} of model {name}" if version is not None else f"any versions of model {name}"
            raise RefusalError(f"Could not find {wanted}. Served here: {self.name}", Reason.NOT_FOUND)
        response = get_model_status_pb2.GetModelStatusResponse()
        for number in chosen:
            status = response.model_version_status.add(version=number)
            status.state = get_model_status_pb2.ModelVersionStatus.State.Value(states[number].state)
            status.status.error_code = _UNKNOWN_ERROR if states[number].error else _OK
            status.status.error_message = states[number].error
        return response

    def start(self) -> LoadedModel:
        """Loads the newest version and keeps watching in a thread of its own.

        Raises:
            NoVersionError: if no version can be loaded.
        """
        self.poll()
        if self._current is None:
            reasons = [f"version {version}: {state.error}" for version, state in sorted(self._states.items())]
            raise NoVersionError(
                f"--model: {self.base}: no version can be loaded. "
                + ("\n".join(reasons) or "It holds none with saved_model.pb")
            )
        self._thread = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._thread.start()
        return self._current

    def stop(self) -> None:
        """Stops watching; a version that is being loaded is waited for."""
        self._stopping.set()
        if self._thread:
            self._thread.join()

    def poll(self) -> None:
        """Looks at the folder once, and loads the newest version if it is not the one that is served."""
        for version, folder in sorted(find_versions(self.base).items(), reverse=True):
            if self._current and version == self._current.version:
                return
            if self._try_to_load(version, folder):
                return

    def _watch(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            try:
                self.poll()
            except Exception:  # the watch must outlive a folder that cannot be read for a moment
                _logger.exception("%s: cannot look for new versions", self.base)

    def _try_to_load(self, version: int, folder: str) -> bool:
        files = list_files(folder)
        failure = self._failures.get(version)
        if failure and failure.files == files and time.monotonic() - failure.at < RETRY_SECONDS:
            return False
        self._set_state(version, VersionState("LOADING"))
        try:
            model = self._load(folder, version)
            if list_files(folder) != files:
                raise OSError("its files changed while it was loaded, so it is still being copied")
        except Exception as error:  # a broken SavedModel raises anything
            reason = summarize_error(error)
            self._set_state(version, VersionState("END", reason))
            if failure is None:
                _logger.warning("Version %d cannot be served, and is tried again later. %s", version, reason)
            self._failures[version] = _Failure(files, time.monotonic())
            return False
        self._failures.pop(version, None)
        old, self._current = self._current, model
        self._set_state(version, VersionState("AVAILABLE"))
        if old:
            self._set_state(old.version, VersionState("END"))
        _logger.info("Serving version %d, loaded in %.1f s", version, model.load_seconds)
        return True

    def _set_state(self, version: int, state: VersionState) -> None:
        self._states = {**self._states, version: state}  # replaced, so that a reader sees one or the other
