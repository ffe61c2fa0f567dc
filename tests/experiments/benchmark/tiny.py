"""A benchmark on a small planted pattern, whose data need no preparation, as the command runs it.

As a program: `python -m tests.experiments.benchmark.tiny FOLDER ARGUMENT...`, with the arguments of the command, in a
folder that `prepare` has filled.
"""

import pathlib
import subprocess
import sys

import yaml

from cli import main as cli
from experiments.benchmark import benchmark
from tests.experiments.runs.planted import make_config, planted_data

ROOT = pathlib.Path(__file__).parents[3]


def prepare(folder: pathlib.Path) -> None:
    """Writes data and configuration."""
    planted_data(folder / "data")
    config = make_config(workdir=str(folder / "runs")).model_dump(mode="json", exclude_defaults=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def start(folder: pathlib.Path, *arguments: str) -> subprocess.Popen:
    """Starts the program, its output and errors together."""
    command = [sys.executable, "-m", "tests.experiments.benchmark.tiny", str(folder), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main(folder: str, *arguments: str) -> int:
    place = pathlib.Path(folder)
    benchmark.prepare_dataset = lambda config: planted_data(place / "data")
    return cli.main(["benchmark", "--config", str(place / "config.yaml"), *arguments])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
