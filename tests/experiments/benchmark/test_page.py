import dataclasses
import pathlib
import re
from typing import Any

import pytest

from experiments.benchmark.page import render_page
from experiments.benchmark.result import BenchmarkResult, summarise_benchmark
from experiments.benchmark.sections import make_sections
from experiments.runs.result import RunCost, RunResult
from schemas.evaluation import Slice
from tests.components.report.page_checks import check_numbers
from tests.components.report.page_reader import Element, read_page
from tests.experiments.benchmark.made_up import INFO, PLANNED, benchmark, result, summarise, unfinished

SECTIONS = ["verdict", "methods", "significance", "equal-heads", "parts", "ideas", "groups", "curves", "cost", "search"]
SECTIONS += ["origin"]
EVIL = "</script><b>x & 'y'"


def check(found: BenchmarkResult) -> Element:
    """Renders a page and holds it to what is true of every one."""
    page = read_page(render_page(found, make_sections(found)).replace("<wbr>", ""))
    check_numbers(page, found.to_json())
    for element in page.all():
        for name in ("src", "href"):
            assert (element.attributes.get(name) or "#").startswith("#"), "nothing is fetched"
        assert element.tag != "script"
    assert not re.search(r"\b(None|nan|inf|Undefined)\b", page.text(lambda element: element.tag in ("style", "bdi")))
    links = [link.attributes["href"] for link in page.all("a")]
    assert links == [f"#{section.attributes['id']}" for section in page.all("section")]
    return page


def shown_numbers(page: Element) -> dict[str, str]:
    return {element.attributes["data-path"]: element.text() for element in page.all("data")}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkResult:
    folder = tmp_path_factory.mktemp("benchmark")
    return summarise_benchmark(str(folder), benchmark(folder), PLANNED, INFO)


@pytest.fixture(scope="module")
def content(found: BenchmarkResult) -> dict[str, Any]:
    return found.to_json()


@pytest.fixture(scope="module")
def page(found: BenchmarkResult) -> Element:
    return check(found)


def test_every_number_of_the_tables_is_shown(content: dict[str, Any], page: Element) -> None:
    numbers = shown_numbers(page)
    for name in ("tables", "fusion", "groups"):
        for place, table in enumerate(content[name]):
            for row, of_row in enumerate(table["rows"]):
                for column, cell in enumerate(of_row["cells"]):
                    path = f"/{name}/{place}/rows/{row}/cells/{column}"
                    for key in ("mean", "spread"):
                        wanted = None if cell[key] is None else f"{cell[key]:.4f}"
                        assert numbers.get(f"{path}/{key}") == wanted
    for place, column in enumerate(content["comparisons"]["columns"]):
        path = f"/comparisons/columns/{place}"
        assert numbers[f"{path}/difference/value"] == f"{column['difference']['value']:+.4f}"
        assert numbers[f"{path}/relative"] == f"{column['relative']:.1%}"
        assert {f"{path}/p_value", f"{path}/adjusted", f"{path}/difference/low"} <= set(numbers)


def test_marks(content: dict[str, Any], page: Element) -> None:
    for tag, mark in (("strong", "best"), ("u", "second")):
        paths = {
            data.attributes["data-path"]
            for element in page.all(tag)
            for data in element.all("data")
            if "comparisons" not in data.attributes["data-path"]
        }
        assert paths == {
            f"/{name}/{place}/rows/{row}/cells/{column}/mean"
            for name in ("tables", "fusion", "groups", "equal_heads")
            for place, table in enumerate(content[name])
            for row, of_row in enumerate(table["rows"])
            for column, cell in enumerate(of_row["cells"])
            if cell["mark"] == mark
        }


def test_sections_and_charts(content: dict[str, Any], page: Element) -> None:
    assert [section.attributes["id"] for section in page.all("section")] == SECTIONS
    assert len(page.by_id("groups").all("svg")) == 4
    assert len(page.by_id("curves").all("svg")) == len(content["curves"]) == 17, "one a learned row that was finished"
    curve = page.by_id("curves").all("svg")[0].text()
    assert "seed 8" in curve and f"{content['curves'][0]['seeds'][1]['best_value']:.4f} at epoch 4" in curve
    low = content["groups"][0]["rows"][1]["cells"][0]
    assert f"MSDP, low: {low['mean']:.4f} ± {low['spread']:.4f}" in page.by_id("groups").all("svg")[0].text()


def test_verdict_comes_first(content: dict[str, Any], page: Element) -> None:
    text = page.text()
    places = [text.index(sentence) for sentence in (*content["verdict"], *content["cautions"])]
    assert places == sorted(places) and places[-1] < text.index("Table 1")


def test_hostile_names(tmp_path: pathlib.Path) -> None:
    config = {**result().config, "training": {"epochs": 3, EVIL: EVIL}}
    results = [result("SASRec", folder=tmp_path), result(EVIL, folder=tmp_path, config=config)]
    results += [result("DSPnet", folder=tmp_path, tuned={EVIL: EVIL}), unfinished("CARCA", reason=EVIL)]
    results[0] = dataclasses.replace(results[0], slices={"group=low": Slice(EVIL, 40)})
    info = {"name": EVIL, "command": EVIL, "machine": {EVIL: EVIL}, "search_space": {"dspnet": {EVIL: [EVIL]}}}
    page = check(summarise(results, tmp_path, **info))
    assert not page.all("b") and page.text().count(EVIL) > 10


def test_partial_benchmarks(tmp_path: pathlib.Path) -> None:
    def sections(results: list[RunResult], waiting: Any = ()) -> list[str | None]:
        page = check(summarise(results, tmp_path, waiting))
        return [section.attributes["id"] for section in page.all("section")]

    always = ["verdict", "methods", "cost", "search", "origin"]
    assert sections([]) == always
    assert sections([], PLANNED) == [*always[:2], "parts", *always[2:]]
    assert sections([unfinished("DSPnet"), unfinished("SASRec", status="failed", reason="no")]) == always
    assert sections([result("popularity", folder=tmp_path)]) == [*always[:2], "groups", *always[2:]]
    trained = [*always[:2], "groups", "curves", *always[2:]]
    assert sections([result("DSPnet", folder=tmp_path)]) == trained
    assert sections([result("SASRec", folder=tmp_path), result("MSDP", folder=tmp_path)]) == trained
    both = [result("SASRec", folder=tmp_path), result("DSPnet", folder=tmp_path)]
    assert sections(both) == [*trained[:2], "significance", *trained[2:]]
    bare = [
        dataclasses.replace(one, metrics={"next_item/recall@10": 0.5}, slices={}, training=None, cost=RunCost())
        for one in both
    ]
    assert sections(bare) == [*always[:2], "significance", *always[2:]]


def test_two_targets(tmp_path: pathlib.Path) -> None:
    results = [
        result(label, seed, folder=tmp_path, target=target)
        for label in ("SASRec", "DSPnet")
        for seed in (7, 8, 9, 10, 11)
        for target in ("next", "period")
    ]
    found = summarise(results, tmp_path)
    content, page = found.to_json(), check(found)
    assert content["told_apart"] == ["target"]
    assert [row["name"] for row in content["rows"]] == [
        f"{label} ({target})" for label in ("SASRec", "DSPnet") for target in ("next", "period")
    ]
    assert "trained on" in page.by_id("methods").text()
    assert len(content["comparisons"]["columns"]) == 24 and len(content["tables"][0]["differences"]) == 2
    assert not page.by_id("curves").of_class("key"), "five seeds have not five colours"


def test_numbers_that_are_none_are_never_written(tmp_path: pathlib.Path) -> None:
    one = result("DSPnet", folder=tmp_path)
    epochs = [dict(epoch) for epoch in one.training.epochs]
    epochs[2]["val_ndcg@10"] = float("nan")
    one = dataclasses.replace(
        one,
        metrics={**one.metrics, "next_item/recall@5": float("nan")},
        cost=dataclasses.replace(one.cost, sequences_per_second=float("inf")),
        training=dataclasses.replace(one.training, epochs=tuple(epochs)),
    )
    found = summarise([one, result("SASRec", folder=tmp_path)], tmp_path)
    check(found)
    assert found.to_json()["curves"][1]["seeds"][0]["epochs"] == [1, 2, 4, 5, 6]
