"""The work of Pusher: compares a blessed model with the newest version, and copies it to a new one if they differ."""

import hashlib
import io
import logging
import os
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tfx.components.pusher import executor as tfx_pusher
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils, proto_utils

from components.artifacts import Artifacts
from components.report.config import ItemNamesConfig
from components.report.item_names import ItemNamesError, read_names
from components.sequence_example_gen.files import open_input
from schemas.catalogue import ITEMS_FILE
from schemas.served_model import ITEM_NAMES_FILE

SAVED_MODEL_FILE = "saved_model.pb"
_LARGEST_VERSION = 2**63 - 1  # what TensorFlow Serving's protocol can say

_log = logging.getLogger("dspnet")


class Executor(tfx_pusher.Executor):
    """Pushes a model that both validators have blessed, unless it is the newest version already."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes a new version into the destination, and a copy of it into the output artifact.

        Args:
            input_dict: ``model``, ``model_blessing``, ``infra_blessing`` and ``catalogue``, one artifact each.
            output_dict: ``pushed_model``; its properties ``pushed``, ``pushed_destination`` and ``pushed_version`` are
                those of TFX's Pusher. They name the newest version where that is the same model.
            exec_properties: ``push_destination`` and ``items``; see `components.pusher.component.Pusher`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        catalogue = artifact_utils.get_single_uri(input_dict["catalogue"])
        names = _read_names_file(ItemNamesConfig.model_validate_json(exec_properties["items"]), catalogue)
        base = _read_base(exec_properties["push_destination"])

        newest = find_newest_version(base)
        if newest is not None and compute_digest(os.path.join(base, str(newest))) == compute_digest(model, names):
            version = newest
            _log.info("already pushed as version %d", version)
        else:
            version = choose_version(base, time.time())
            _write_version(model, os.path.join(base, str(version)), names)
        _write_version(model, pushed.uri, names)
        self._MarkPushed(pushed, pushed_destination=os.path.join(base, str(version)), pushed_version=str(version))


def find_newest_version(base: str) -> int | None:
    """Returns the highest number of a version in a folder; None if there is none.

    A folder without `saved_model.pb`, which is copied last, is no version: its push did not come to its end.
    """
    whole = [
        number for number in _read_numbers(base) if fileio.exists(os.path.join(base, str(number), SAVED_MODEL_FILE))
    ]
    return max(whole, default=None)


def choose_version(base: str, seconds: float) -> int:
    """Returns the number of the next version in a folder.

    Args:
        base: the folder of all versions.
        seconds: the time since the epoch, which is the number unless a version has as high a one.
    """
    return max([int(seconds), *(number + 1 for number in _read_numbers(base))])


def compute_digest(folder: str, names: bytes | None = None) -> str:
    """Returns the SHA-256 of the names and contents of all files below a folder.

    Args:
        folder: a SavedModel, on any filesystem that TFX knows.
        names: content of `ITEM_NAMES_FILE` that counts as a file of the folder.
    """
    contents = {}
    for parent, _, files in fileio.walk(folder):
        for path in (os.path.join(parent, name) for name in files):
            with fileio.open(path, "rb") as file:
                digest = hashlib.sha256()
                while block := file.read(1 << 20):
                    digest.update(block)
            contents[os.path.relpath(path, folder)] = digest.hexdigest()
    if names is not None:
        contents[ITEM_NAMES_FILE] = hashlib.sha256(names).hexdigest()
    lines = [f"{digest} {name}\n" for name, digest in sorted(contents.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read_numbers(base: str) -> list[int]:
    names = [str(name).rstrip("/") for name in fileio.listdir(base)] if fileio.exists(base) else []
    numbers = [int(name) for name in names if name.isascii() and name.isdigit()]
    return [number for number in numbers if number < _LARGEST_VERSION]


def _write_version(model: str, folder: str, names: bytes | None) -> None:
    """Copies a model, `saved_model.pb` last: servers take its presence for the end of the copying."""
    io_utils.copy_dir(model, folder, deny_regex_patterns=[r"saved_model\.pb$"])
    if names is not None:
        path = os.path.join(folder, ITEM_NAMES_FILE)
        fileio.makedirs(os.path.dirname(path))
        with fileio.open(path, "wb") as file:
            file.write(names)
    io_utils.copy_file(os.path.join(model, SAVED_MODEL_FILE), os.path.join(folder, SAVED_MODEL_FILE), overwrite=True)


def _read_names_file(config: ItemNamesConfig, catalogue: str) -> bytes | None:
    """Returns the content of `ITEM_NAMES_FILE`, in the order of the catalogue; None if no item has a name."""
    if config.path is None:
        return None
    with open_input(os.path.join(catalogue, ITEMS_FILE)) as file:
        ids = pq.read_table(file, columns=["id"])["id"].to_pylist()
    try:
        names = read_names(config, ids)
    except ItemNamesError as error:
        # The columns were looked at before the run; that a row cannot be read is no reason to keep a model back.
        _log.warning("The model is pushed without names of items. %s", error)
        return None
    named = [item for item in ids if item in names]
    if not named:
        return None
    table = pa.table(
        {"id": pa.array(named, pa.string()), "name": pa.array([names[item] for item in named], pa.string())}
    )
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def _read_base(push_destination: str) -> str:
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(push_destination, destination)
    return destination.filesystem.base_directory
