"""`dspnet tune`: searches for better values of a configuration."""

import argparse

from cli.command import Command
from pipeline.config import add_config_arguments, load_config


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help="how many settings to try, those of an earlier search included (default: tuning.trials)",
    )
    parser.add_argument(
        "--memory-gib",
        type=float,
        metavar="X",
        help="most memory of a training; one that takes more has failed (default: 80%% of what is free)",
    )


def _run(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    from experiments.tuning.command import tune

    tune(config, arguments.trials, arguments.memory_gib)


COMMAND = Command(
    "tune",
    "search for better values of a configuration",
    _add_arguments,
    _run,
    stopped="Stopped. The same command goes on from here.",
    description="Trains the method of a configuration with other values, as the section tuning says, and tells which "
    "are best on the validation split.",
)
