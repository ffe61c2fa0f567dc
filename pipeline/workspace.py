"""The workspace of a pipeline: the folder of all that its local runs write."""

import os
import tempfile

from pipeline.config import PipelineConfig
from schemas.errors import UserError


def find_workspace(config: PipelineConfig) -> str:
    """Returns the folder of all that local runs of a pipeline write: `workdir/name`, whether it is there or not.

    Raises:
        UserError: if it is not on this machine.
    """
    if "://" in config.workdir:
        raise UserError(
            f"workdir: a local run keeps its metadata in SQLite and needs a folder. Received: {config.workdir!r}"
        )
    return os.path.abspath(os.path.join(config.workdir, config.name))


def locate_pushed_models(folder: str, name: str) -> str:
    """Returns where in a pipeline's workspace, `folder`, local runs push the versions of the model `name`."""
    return os.path.join(folder, "serving_model", name)


def make_workspace(config: PipelineConfig) -> str:
    """Returns the folder of all that local runs of a pipeline write, and makes it unless it is there.

    Raises:
        UserError: if it is not on this machine, or nothing can be written there.
    """
    folder = find_workspace(config)
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"1")
    except OSError as error:
        raise UserError(
            f"workdir: cannot write to {folder}: {error.strerror}. Give a folder where there is room and that you may "
            f"write to, as in --set workdir=FOLDER. Received: {config.workdir!r}"
        ) from error
    return folder
