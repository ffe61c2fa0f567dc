"""A benchmark as a user starts it, on what a run of the pipeline has left."""

import shutil

import pytest

from tests.e2e.conftest import LEFT, run_dspnet

pytestmark = pytest.mark.slow

PREPARATION = ("SequenceExampleGen", "StatisticsGen", "ImportSchemaGen", "StrictExampleValidator", "Catalogue")


@pytest.fixture(scope="module")
def benchmarked(first, folder):
    """A benchmark in a copy of what the first run has left, so that no other run is in its way."""
    shutil.copytree(folder / LEFT / "runs", folder / "benchmarked")
    options = "--set", "workdir=benchmarked", "--methods", "popularity", "--memory-gib", "16"
    return run_dspnet("benchmark", "--config", "config.yaml", *options, cwd=folder)


def test_its_data_are_those_of_the_run(benchmarked):
    assert benchmarked.returncode == 0, benchmarked.stdout + benchmarked.stderr
    lines = benchmarked.stdout.splitlines()
    assert lines[0].startswith("planted: benchmark of 1 run in benchmarked/planted/benchmark, 16.00 GiB")
    steps = [line.partition("] ")[2] for line in lines if line.endswith(" … cached")]
    assert sorted(steps) == sorted(f"{step} … cached" for step in PREPARATION)


def test_it_shows_its_tables_and_nothing_of_others(benchmarked, folder):
    assert "[1/1] popularity … next R@10 " in benchmarked.stdout and "Table 1: Next item" in benchmarked.stdout
    assert benchmarked.stdout.splitlines()[-1] == "Written: benchmarked/planted/benchmark/benchmark.html"
    assert (folder / "benchmarked/planted/benchmark/benchmark.html").exists()
    assert not benchmarked.stderr
