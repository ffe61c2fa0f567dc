"""A search whose trials are really trained, on a small planted pattern, as the command runs it.

As a program: `python -m tests.experiments.tuning.tiny FOLDER ARGUMENT...`, with the arguments of the command, in a
folder that `tests.experiments.benchmark.tiny.prepare` has filled.
"""

import pathlib
import sys

from cli import main as cli
from experiments.tuning import command
from tests.experiments.runs.planted import planted_data


def main(folder: str, *arguments: str) -> int:
    place = pathlib.Path(folder)
    command.prepare_dataset = lambda config: planted_data(place / "data")
    return cli.main(["tune", "--config", str(place / "config.yaml"), *arguments])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
