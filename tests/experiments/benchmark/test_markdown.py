import pathlib
import re

import pytest

from experiments.benchmark.outputs import render_markdown
from experiments.benchmark.result import BenchmarkResult, summarise_benchmark
from experiments.benchmark.sections import make_sections
from tests.experiments.benchmark.made_up import INFO, PLANNED, benchmark, result, summarise, unfinished

EVIL = "a|b</script>\n*x* `y` [z](http://x) _u_ \\"
CELL = re.compile(r"(?P<open>\*\*|<u>|)(?P<mean>\d\.\d{4})(\*\*|</u>|)( ± (?P<spread>\d\.\d{4}))?")
DIFFERENCE = re.compile(r"(?P<value>[+-]\d\.\d{4})(?P<star>\\\*)?( (?P<relative>[+-]\d+\.\d%))?")


def tables(text: str) -> dict[str, list[list[str]]]:
    """Returns the rows of each table, head first, by the heading above it."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| "):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                found.setdefault(heading, []).append(cells)
    return found


def markdown(found: BenchmarkResult) -> str:
    return render_markdown(found.info.name, make_sections(found))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkResult:
    folder = tmp_path_factory.mktemp("benchmark")
    return summarise_benchmark(str(folder), benchmark(folder), PLANNED, INFO)


def test_tables_hold_the_numbers_of_the_json(found: BenchmarkResult) -> None:
    content = found.to_json()
    read = tables(markdown(found))
    words = {"OOM": "out_of_memory", "failed": "failed", "not yet": "waiting", "–": "unmeasured"}
    marks = {"**": "best", "<u>": "second", "": None}
    every = [*content["tables"], *content["fusion"], *content["groups"]]
    titles = ["Table 1: Next item", "Table 4: Period items", "Table 7: Next scene"]
    titles.append("Table 2: Sequence feature enhancement, next item; here every row competes")
    titles += [f"Figure 3: {task} by length of the history" for task in ("Next item", "Period items")]
    for title, table in zip(titles, every, strict=True):
        head, *rows = read[title]
        assert head == ["Method", "seeds", *(column["title"] for column in table["columns"])]
        assert len(rows) == len(table["rows"]) + len(table["differences"])
        for row, of_row in zip(rows, table["rows"], strict=False):
            assert row[0] == of_row["label"]
            for text, cell in zip(row[2:], of_row["cells"], strict=True):
                shown = CELL.fullmatch(text)
                if cell["mean"] is None:
                    assert words[text] == cell["state"]
                else:
                    assert float(shown["mean"]) == round(cell["mean"], 4) and marks[shown["open"]] == cell["mark"]
                    assert (shown["spread"] is None) == (cell["spread"] is None)
                    assert shown["spread"] is None or float(shown["spread"]) == round(cell["spread"], 4)
        for row, of_dspnet in zip(rows[len(table["rows"]) :], table["differences"], strict=True):
            assert row[:2] == ["DSPnet minus the best baseline", ""]
            for text, at in zip(row[2:], of_dspnet["columns"], strict=True):
                column, shown = content["comparisons"]["columns"][at], DIFFERENCE.fullmatch(text)
                assert float(shown["value"]) == round(column["difference"]["value"], 4)
                assert bool(shown["star"]) == column["significant"]
                assert float(shown["relative"][:-1]) == pytest.approx(100 * column["relative"], abs=0.051)


def test_seeds_of_each_row(found: BenchmarkResult) -> None:
    seeds = {row[0]: row[1] for row in tables(markdown(found))["Table 1: Next item"]}
    assert seeds["BERT4Rec"] == "0 of 3" and seeds["CARCA"] == "1 of 3"
    assert seeds["DSPnet"] == "3" and seeds["popularity"] == "1"


def test_what_does_not_differ_has_no_column(found: BenchmarkResult) -> None:
    text = markdown(found)
    assert "Training target of all rows, and what is counted: next (the next items)." in text
    assert "Objective of all trained rows: softmax. Sampling of candidates of all trained rows: none." in text
    assert "All trained rows were tuned, within the same budget" in text
    assert "Budget: 12 trials for each trained method and each training target" in text


def test_what_tells_rows_apart_has_a_column(tmp_path: pathlib.Path) -> None:
    results = [
        result(label, target=target, folder=tmp_path) for label in ("SASRec", "DSPnet") for target in ("next", "prefix")
    ]
    results += [result("CARCA", sampling="uniform", folder=tmp_path), result("popularity", folder=tmp_path)]
    found = summarise(results, tmp_path)
    head, *rows = tables(markdown(found))["Table 1: Next item"]
    assert head[:4] == ["Method", "trained on", "candidates", "seeds"]
    assert [row[:3] for row in rows] == [
        ["CARCA", "next", "uniform"],
        ["SASRec", "next", "none"],
        ["SASRec", "prefix", "none"],
        ["popularity", "next", "–"],
        ["DSPnet", "next", "none"],
        ["DSPnet", "prefix", "none"],
        ["DSPnet minus the best baseline", "next", "none"],
        ["DSPnet minus the best baseline", "prefix", "none"],
    ]


def test_rows_that_were_tuned_are_told_from_those_that_were_not(tmp_path: pathlib.Path) -> None:
    chosen = {"training.learning_rate": 0.1}
    results = [result("SASRec", tuned=chosen, folder=tmp_path), result("MSDP", folder=tmp_path), result("popularity")]
    text = markdown(summarise(results, tmp_path))
    assert [row[:2] for row in tables(text)["Table 1: Next item"]] == [
        ["Method", "tuned"],
        ["MSDP", "no"],
        ["SASRec", "yes"],
        ["popularity", "–"],
    ]
    assert "Whether a row was tuned stands beside it" in text
    alone = markdown(summarise(results[1:], tmp_path))
    assert "No row was tuned by a search: all have the values of the configuration." in alone
    assert "Nothing was searched" in alone and "Nothing was searched" not in text


def test_hostile_names_break_no_table(tmp_path: pathlib.Path) -> None:
    parser = pytest.importorskip("markdown_it", reason="needs markdown-it-py to read Markdown as others do")
    results = [result("SASRec", folder=tmp_path), result(EVIL, folder=tmp_path), result("DSPnet", folder=tmp_path)]
    results.append(unfinished("CARCA", reason=EVIL))
    found = summarise(results, tmp_path, name=EVIL, command=EVIL, machine={EVIL: EVIL})
    rendered = parser.MarkdownIt("commonmark").enable("table").render(markdown(found))
    assert not re.search(r"<(em|code|a|script|img)\b", rendered)
    shown = "a|b&lt;/script&gt; *x* `y` [z](http://x) _u_ \\"
    assert f"<h1>Benchmark: {shown}</h1>" in rendered
    assert re.search(rf"<td[^>]*>{re.escape(shown)}</td>", rendered)
    first = rendered[rendered.index("Table 1") : rendered.index("Table 4")]
    assert {row.count("</td>") for row in first.split("<tr>")[2:]} == {6}


def test_cost_and_search(found: BenchmarkResult) -> None:
    read = tables(markdown(found))
    costs = {row[0]: row for row in read["Table 5: Measured cost"]}
    assert costs["Method"][2:6] == [
        "sequences/s of an epoch",
        "peak memory, train, MiB",
        "peak memory, all, MiB",
        "parameters",
    ]
    assert costs["BERT4Rec"][1:3] == [r"O(B·ρ·\|T\|·K)", "OOM"]
    assert costs["DSPnet"][1:6] == ["O(B·K + 2·B²·d)", "908 ± 1", "520 ± 1", "1,032 ± 1", "1,700,000"]
    assert costs["popularity"][1:3] == ["–", "–"] and costs["w/o CCR"][1] == "–" and costs["w/o MLP"][2] == "not yet"
    searched = read["What was searched, and what was chosen"]
    assert [row for row in searched if row[0] in ("MSDP", "SASRec", "DSPnet")] == [
        ["MSDP", "training.learning_rate", "–", "0.003"],
        ["SASRec", "training.learning_rate", "0.0001 to 0.01, logarithmic", "0.003"],
        ["DSPnet", "training.learning_rate", "0.0001 to 0.01, logarithmic", "0.003"],
        ["DSPnet", "training.contrastive.weight", "1e-05, 0.0001, 0.001", "–"],
    ]
    assert ["memory", "24 GiB"] in read["Origin"] and ["seeds", "7, 8, 9"] in read["Origin"]
