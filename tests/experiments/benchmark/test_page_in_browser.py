"""What a browser makes of the page of a benchmark: headless Chromium, if there is one."""

import dataclasses
import pathlib

import pytest

from experiments.benchmark.page import render_page
from experiments.benchmark.result import summarise_benchmark
from experiments.benchmark.sections import make_sections
from tests.components.report.test_page_in_browser import BROWSER, check_width
from tests.experiments.benchmark.made_up import INFO, PLANNED, benchmark, result, unfinished

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium on PATH to look at the page"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns a page with all there is, several targets, and words of people and machines that no line can hold."""
    folder = tmp_path_factory.mktemp("benchmark")
    results = benchmark(folder)
    results += [result(label, target="prefix", folder=folder) for label in ("DSPnet", "SASRec")]
    results += [unfinished("BERT4Rec", target="prefix", reason="r" * 400)]
    results[-2] = dataclasses.replace(results[-2], tuned={f"training.{'k' * 200}": "v" * 200})
    machine = {"processor": "p" * 200}
    info = dataclasses.replace(INFO, name="n" * 200, command="c" * 1000, machine=machine)
    found = summarise_benchmark(str(folder), results, PLANNED, info)
    return render_page(found, make_sections(found))


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(tmp_path: pathlib.Path, page: str, width: int) -> None:
    check_width(tmp_path, page, width)
