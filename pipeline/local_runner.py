"""Runs the pipeline on this machine: `python -m pipeline.local_runner` is `dspnet run`.

The `tfx` command runs this file, too, without arguments: the variable DSPNET_CONFIG then names the configuration.
"""

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if not __package__:
    # Started as a file, by the `tfx` command: this folder comes first on the path, so `pipeline` means pipeline.py.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from pipeline.config import PipelineConfig, add_config_arguments, load_config
from pipeline.console import redirect_output
from pipeline.exit_codes import run_command
from pipeline.workspace import make_workspace
from reporting.console import short_path

if TYPE_CHECKING:
    from pipeline.run_result import PipelineResult


def run(config: PipelineConfig) -> "PipelineResult | None":
    """Runs the pipeline, reporting on standard output.

    Returns:
        What came out; None when the `tfx` command only registers the pipeline.

    Raises:
        UserError: if the salt is missing, or the log or the place for the results cannot be used.
        StepFailedError: if a step failed.
    """
    folder = make_workspace(config)
    log_file = os.path.join(folder, "run.log")
    print(f"{config.name}: results in {short_path(folder)}, full log in {short_path(log_file)}")
    del sys.argv[1:]  # TFX's executors read them as flags of their own
    with redirect_output(log_file) as screen:
        # Imported here, because NumPy, TensorFlow and Beam take long, and the latter speak when they are imported.
        from schemas.identity import read_salt

        read_salt(config.demo)  # before the rest is imported
        from pipeline.local_steps import run_steps
        from pipeline.run_result import find_program, read_result, write_summary

        report_file = os.path.join(folder, "last_run.json")
        run_record = run_steps(config, folder, screen, log_file, report_file=report_file)
        if run_record is None:
            return None
        result = read_result(run_record)
        screen.line(write_summary(result, find_program(os.get_exec_path())))
        return result


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline that the command line or DSPNET_CONFIG names; returns the exit code, as `dspnet run` does."""
    parser = argparse.ArgumentParser(description="Runs the pipeline on this machine, as `dspnet run` does.")
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    return run_command(lambda: run(load_config(arguments.config, arguments.set)))


if __name__ == "__main__":
    sys.exit(main())
