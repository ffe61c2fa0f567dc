"""Runs the pipeline on this machine: `python -m pipeline.local_runner` is `dspnet run`.

The `tfx` command runs this file, too, without arguments: the variable DSPNET_CONFIG then names the configuration.
"""

import os
import pathlib
import sys
import tempfile
from typing import TYPE_CHECKING

if not __package__:
    # Started as a file, by the `tfx` command: this folder comes first on the path, so `pipeline` means pipeline.py.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from pipeline.config import ConfigError, PipelineConfig
from pipeline.quiet import quiet
from pipeline.screen import short_path

if TYPE_CHECKING:
    from pipeline.results import RunResult


def run(config: PipelineConfig) -> "RunResult | None":
    """Runs the pipeline, reporting on standard output.

    Returns:
        What came out; None when the `tfx` command only registers the pipeline.

    Raises:
        ConfigError: if the log or the place for the results cannot be used.
        StepFailedError: if a step failed.
    """
    folder = made_folder(config)
    log_file = os.path.join(folder, "run.log")
    print(f"{config.name}: results in {short_path(folder)}, full log in {short_path(log_file)}")
    del sys.argv[1:]  # TFX's executors read them as flags of their own
    with quiet(log_file) as screen:
        # Imported here, because TensorFlow and Beam speak when they are imported.
        from pipeline import local_steps, results

        report_file = os.path.join(folder, "last_run.json")
        done = local_steps.run_steps(config, folder, screen, log_file, report_file=report_file)
        if done is None:
            return None
        result = results.read_results(done.store, done.run_id)
        screen.line(results.summary(result, results.program_name(os.get_exec_path())))
        return result


def local_folder(config: PipelineConfig) -> str:
    """Returns the folder of all that local runs of a pipeline write.

    Raises:
        ConfigError: if it is not on this machine.
    """
    if "://" in config.workdir:
        raise ConfigError(
            f"workdir: a local run keeps its metadata in SQLite and needs a folder. Received: {config.workdir!r}"
        )
    return os.path.abspath(os.path.join(config.workdir, config.name))


def made_folder(config: PipelineConfig) -> str:
    """Makes `local_folder`, unless it is there, and returns it.

    Raises:
        ConfigError: if nothing can be written there.
    """
    folder = local_folder(config)
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"1")
    except OSError as error:
        raise ConfigError(
            f"workdir: cannot write to {folder}: {error.strerror}. Give a folder where there is room and that you may "
            f"write to, as in --set workdir=FOLDER. Received: {config.workdir!r}"
        ) from error
    return folder


if __name__ == "__main__":
    from pipeline.cli import main

    sys.exit(main(["run", *sys.argv[1:]]))
