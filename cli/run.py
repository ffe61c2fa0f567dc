"""`dspnet run`: runs the pipeline on this machine."""

import argparse

from cli.command import Command
from pipeline.config import add_config_arguments, load_config


def _run(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    from pipeline import local_runner

    local_runner.run(config)


COMMAND = Command("run", "run the pipeline on this machine", add_config_arguments, _run)
