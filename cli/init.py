"""`dspnet init`: looks at a log and writes a configuration for it."""

import argparse

from cli.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", metavar="LOG", help="a file, a folder or a glob: CSV, JSON Lines or Parquet")
    parser.add_argument("--out", metavar="FILE", help="the YAML to write (default: the log's name, in this folder)")


def _run(arguments: argparse.Namespace) -> None:
    from pipeline.proposal.init import init

    init(arguments.log, arguments.out)


COMMAND = Command(
    "init",
    "look at a log and write a configuration for it",
    _add_arguments,
    _run,
    stopped="Stopped. Nothing was written.",
    description="Looks at a log, tells what is in it, and writes a commented configuration that runs as it is. It asks "
    "nothing and writes over nothing.",
)
