import html.parser
import json
import pathlib
import re

import pytest

from experiments.comparison.page import render_page
from experiments.comparison.results import ComparisonResult, compare_measured
from experiments.comparison.runs import read_run
from pipeline.run_metadata import REPORT_TYPE
from tests.experiments.comparison.evaluations import Pipeline, columns, write_evaluation

EVIL = "</script><b>x & 'y'"


class Page(html.parser.HTMLParser):
    """What is on a page: its number elements, its links to elsewhere, and the facts."""

    def __init__(self, text: str):
        super().__init__()
        self.numbers: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.elsewhere: list[str] = []
        self.facts = ""
        self.text = ""
        self._open: list[tuple[str, dict]] = []
        self.feed(text)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.elsewhere += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "br", "line", "circle"):
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "data":
            self.numbers.append((attributes["value"], attributes["data-path"], data))
        elif attributes.get("id") == "facts":
            self.facts += data
        elif tag != "style":
            self.text += data


def follow(facts: dict, path: str) -> object:
    for key in path.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        facts = facts[int(key)] if isinstance(facts, list) else facts[key]
    return facts


@pytest.fixture
def compared(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> ComparisonResult:
    monkeypatch.chdir(tmp_path)
    write_evaluation(tmp_path / "a")
    write_evaluation(tmp_path / "b", columns(seed=8, better=0.5))
    runs = [read_run("a"), read_run("b"), read_run("a")]
    return compare_measured(["plain", EVIL, "again"], runs)


def test_every_number_is_a_fact(compared: ComparisonResult) -> None:
    page = Page(render_page(compared))
    facts = json.loads(page.facts)
    assert facts == json.loads(json.dumps(compared.to_json()))
    assert len(page.numbers) > 100
    for value, path, _ in page.numbers:
        assert float(value) == follow(facts, path), path
    shown = {path: text for _, path, text in page.numbers}
    change = facts["comparisons"][0]["metrics"]["next_item/recall@10"]["difference"]["value"]
    assert shown["/comparisons/0/metrics/next_item~1recall@10/difference/value"] == f"{change:+.4f}"
    assert shown["/test/sequences"] == "60"


def test_verdicts_come_first_and_names_cannot_break_the_page(compared: ComparisonResult) -> None:
    page = Page(render_page(compared))
    assert f"{EVIL} is better than plain on next item Recall@10: +0." in page.text
    assert "again and plain are identical" in page.text
    assert "b" not in page.tags and page.tags.count("script") == 1 and not page.elsewhere
    assert page.text.index("is better than") < page.text.index("Runs")


def test_charts_tell_their_numbers(compared: ComparisonResult) -> None:
    text = render_page(compared)
    assert text.count("<svg") == 1 + 3, "differences, and three metrics by group; none for the identical run"
    change = compared.comparisons[0].comparison.metrics["next_item/recall@10"].difference
    wanted = f"next item Recall@10: {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}], significant"
    assert f"<title>{wanted}</title>" in text


def test_nothing_is_shown_as_nan(tmp_path: pathlib.Path) -> None:
    a, b = write_evaluation(tmp_path / "a", columns(1)), write_evaluation(tmp_path / "b", columns(1, 8, 0.99))
    text = render_page(compare_measured(["a", "b"], [read_run(str(a)), read_run(str(b))]))
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert "+1.0000" in text and "takes at least two users" in text


def test_configurations(tmp_path: pathlib.Path) -> None:
    for name, heads in (("a", 2), ("b", 4)):
        report = tmp_path / f"{name}-report"
        report.mkdir()
        config = {"name": "shop", "model": {"heads": heads, "layers": 2}}
        (report / "report.json").write_text(json.dumps({"origin": {"config": config}}))
        evaluation = write_evaluation(tmp_path / f"{name}-evaluation")
        Pipeline(tmp_path / name).run("now", {"ModelEvaluation": evaluation, REPORT_TYPE: report})
    runs = [read_run(str(tmp_path / name)) for name in "ab"]
    facts = compare_measured(["a", "b"], runs).to_json()
    assert facts["comparisons"][0]["configuration"] == [{"key": "model.heads", "reference": 2, "other": 4}]
    assert "model.heads" in Page(render_page(compare_measured(["a", "b"], runs))).text
    assert "configurations are the same" in Page(render_page(compare_measured(["a", "b"], runs[:1] * 2))).text
    unknown = read_run(str(tmp_path / "a-evaluation"))
    assert "is not known" in Page(render_page(compare_measured(["a", "b"], [runs[0], unknown]))).text
