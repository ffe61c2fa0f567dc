import json
import pathlib
from typing import Any

import pytest
from rich.cells import cell_len

from experiments.benchmark import outputs
from experiments.benchmark.outputs import write_outputs
from schemas.errors import UserError
from tests.experiments.benchmark.made_up import INFO, PLANNED, benchmark, planned, result, unfinished


@pytest.fixture
def here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_three_files_and_a_text(here: pathlib.Path) -> None:
    text = write_outputs(str(here), benchmark(here), PLANNED, INFO)
    written = sorted(path.name for path in here.iterdir() if path.is_file())
    assert written == ["benchmark.html", "benchmark.json", "benchmark.md"]
    content = json.loads((here / "benchmark.json").read_text())
    assert text.splitlines()[-3:] == [f"Written: benchmark.{kind}" for kind in ("json", "md", "html")]
    assert max(map(len, text.splitlines())) <= 118
    for sentence in content["verdict"]:
        assert sentence in " ".join(text.split())
    of_dspnet = next(line for line in text.splitlines() if line.startswith("DSPnet  "))
    cells = content["tables"][0]["rows"][-1]["cells"]
    assert of_dspnet.split()[1:] == ["3"] + [
        part for cell in cells for part in (f"{cell['mean']:.4f}¹", "±", f"{cell['spread']:.4f}")
    ]
    (differences,) = (line for line in text.splitlines() if line.startswith("DSPnet minus the best baseline"))
    compared = content["comparisons"]["columns"][:4]
    wanted = " ".join(f"{one['difference']['value']:+.4f}* {one['relative']:+.1%}" for one in compared)
    assert differences.split()[5:] == wanted.split() and all(one["significant"] for one in compared)


def test_what_was_measured_of_each_seed_is_in_the_json(here: pathlib.Path) -> None:
    results = benchmark(here)
    write_outputs(str(here), results, PLANNED, INFO)
    content = json.loads((here / "benchmark.json").read_text())
    assert len(content["cells"]) == len(results)
    tables = (*content["tables"], *content["fusion"], *content["groups"])
    shown = {column["metric"] for table in tables for column in table["columns"]}
    by_name = {one.name: one for one in results}
    for cell in content["cells"]:
        measured = by_name[cell["name"]].metrics or {}
        assert cell["metrics"] == {metric: measured[metric] for metric in shown if measured}
    assert content["memory_limit"] == INFO.memory_limit and content["versions"] == INFO.versions


def test_a_benchmark_is_written_anew_as_it_grows(here: pathlib.Path) -> None:
    results = benchmark(here)
    waiting = [run for one in results for run in planned(one.label, one.seed)]
    for number in range(0, len(results) + 1, 6):
        text = write_outputs(str(here), results[:number], waiting[number:], INFO)
        content = json.loads((here / "benchmark.json").read_text())
        assert len(content["cells"]) == number and ("Not run yet" in text) == (number < len(results))
        for row in content["rows"]:
            seeds = sorted(seed for of_state in row["seeds"].values() for seed in of_state)
            whole = sorted(one.seed for one in results if one.label == row["label"])
            assert seeds == whole and row["planned"] == len(whole)


def test_what_cannot_be_written_leaves_the_old_files(here: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_outputs(str(here), [result()], (), INFO)
    before = {path.name: path.read_bytes() for path in here.iterdir()}

    def broken(*_: Any) -> str:
        raise RuntimeError("no page")

    monkeypatch.setattr(outputs, "render_page", broken)
    with pytest.raises(RuntimeError):
        write_outputs(str(here), [result(seed=8)], (), INFO)
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"benchmark\.json: cannot be written: No such file"):
        write_outputs(str(here / "nowhere"), [result()], (), INFO)


def test_text_that_is_no_utf8(here: pathlib.Path) -> None:
    write_outputs(str(here), [unfinished("CARCA", reason="bad \udc80 byte")], (), INFO)
    assert "bad \\udc80 byte" in (here / "benchmark.md").read_text()
    assert json.loads((here / "benchmark.json").read_text())["cells"][0]["reason"] == "bad \udc80 byte"


def test_names_in_any_script_stay_in_their_columns(here: pathlib.Path) -> None:
    qualities = {"直播 w/o CCR": 0.4, "DSPnet": 0.5, "SASRec": 0.3}
    results = [result(label, quality=quality, folder=here) for label, quality in qualities.items()]
    text = write_outputs(str(here), results, (), INFO)
    lines = text.splitlines()
    rule = next(place for place, line in enumerate(lines) if line.startswith("──"))
    ends = {cell_len(line.rstrip().removesuffix("¹").removesuffix("²")) for line in lines[rule + 1 : rule + 4]}
    assert len(ends) == 1
