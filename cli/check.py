"""`dspnet check`: reads the log as a configuration says, and tells in seconds what would stop a run later."""

import argparse

from cli.command import Command
from pipeline.config import add_config_arguments, load_config


def _run(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    from pipeline.check import check

    check(config)


COMMAND = Command(
    "check",
    "read a log as a configuration says, and tell what would stop a run",
    add_config_arguments,
    _run,
    stopped="Stopped. Nothing was written.",
    description="Runs the ingest alone, into a temporary folder: what became of every row, the splits, the first "
    "rejected rows, and everything that would stop a run later.",
)
