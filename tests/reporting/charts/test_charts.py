"""Where charts put what they show, followed back from the axis to the values."""

import re

import pytest
from markupsafe import Markup

from reporting.charts.bars import histogram
from reporting.charts.intervals import Mark, Row, interval_chart
from reporting.charts.labels import named
from reporting.charts.lines import Line, line_chart
from reporting.charts.marks import mark
from reporting.charts.scale import Scale, spanning
from reporting.charts.scatter import scatter
from tests.components.report.page_reader import Element, read_page

STYLES = ("s1", "s2", "s3", "s4")


def drawn(svg: Markup) -> Element:
    (element,) = read_page(svg).children
    box = [float(number) for number in element.attributes["viewbox"].split()]
    for text in element.all("text"):
        assert box[0] <= float(text.attributes["x"]) <= box[2] and box[1] <= float(text.attributes["y"]) <= box[3]
    return element


def axis(svg: Element, anchor: str, place: str) -> Scale:
    """Returns the axis that the first and the last tick of an anchor tell."""
    ticks = [text for text in svg.all("text") if text.attributes["class"] == f"tick {anchor}"]
    low, high = (float(tick.text().replace(",", "")) for tick in (ticks[0], ticks[-1]))
    # Beside a line, a text stands a little lower than the line.
    start, end = (float(tick.attributes[place]) - 4 * (place == "y") for tick in (ticks[0], ticks[-1]))
    return Scale(low, high, start, end)


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


def test_intervals_stand_over_their_axis() -> None:
    rows = [Row("a", [Mark("s1", 0.2, 0.1, 0.3, "told")]), Row("<b>", [Mark("s1", 0.0, 0.0, 0.0, "")])]
    svg = drawn(interval_chart("what", rows))
    across = axis(svg, "mid", "x")
    for (low, value, high), group in zip([(0.1, 0.2, 0.3), (0, 0, 0)], svg.all("g"), strict=True):
        (dot,), (line,) = group.of_class("dot"), group.of_class("whisker")
        assert float(dot.attributes["cx"]) == pytest.approx(across(value), abs=0.3)
        start, height, end = numbers(line.attributes["d"])
        assert [start, end] == pytest.approx([across(low), across(high)], abs=0.3)
        assert height == float(dot.attributes["cy"])
    assert svg.all("g")[0].all("title")[0].text() == "told"
    assert [text.text() for text in svg.of_class("label")] == ["a", "<b>"]


def test_an_axis_far_from_zero_does_not_begin_there() -> None:
    near, far = (
        drawn(interval_chart("", [Row("", [Mark("s1", value, value - 0.01, value + 0.01, "")])]))
        for value in (0.02, 0.9)
    )
    assert near.of_class("tick")[0].text() == "0" and far.of_class("tick")[0].text() != "0"


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e-12, 1e9])
def test_a_value_alone_has_an_axis(value: float) -> None:
    svg = interval_chart("", [Row("", [Mark("s1", value, value, value, "")])])
    assert "nan" not in svg and "inf" not in svg
    assert "nan" not in drawn(line_chart("", [1], [Line("", "s1", [value])])).text()


def test_lines_break_where_nothing_was_measured() -> None:
    lines = [Line("train", "s1", [1.0, 0.5, None, 0.25]), Line("validation", "s2", [None, None, None, None])]
    svg = drawn(line_chart("loss", [1, 2, 3, 4], lines, best=2))
    train, validation = (group.of_class("line")[0].attributes["d"] for group in svg.all("g"))
    assert re.findall("[ML]", train) == ["M", "L", "M"] and validation == ""
    across, up = axis(svg, "mid", "x"), axis(svg, "end", "y")
    x, y = numbers(train)[2:4]
    assert (x, y) == pytest.approx((across(2), up(0.5)), abs=0.3)
    assert numbers(svg.of_class("best")[0].attributes["d"])[0] == x
    assert [tick.text() for tick in svg.of_class("mid")] == ["1", "2", "4"]


@pytest.mark.parametrize("best", [None, 9])
def test_no_step_is_marked_that_is_not_there(best: int | None) -> None:
    assert not drawn(line_chart("loss", [3, 4], [Line("train", "s1", [1.0, 2.0])], best)).of_class("best")


def test_names_of_steps_do_not_cover_each_other() -> None:
    svg = drawn(line_chart("", list(range(1, 101)), [Line("", "s1", [float(step) for step in range(100)])], best=99))
    assert [tick.text() for tick in svg.of_class("mid")] == ["1", "99"]
    assert not svg.of_class("dot"), "that many marks would hide the line"


def test_bars_are_as_high_as_their_counts() -> None:
    svg = drawn(histogram("lengths", [1, 2, 3, 5], [10, 0, 5], "events"))
    up = axis(svg, "end", "y")
    heights = [float(bar.attributes["height"]) for bar in svg.all("rect")]
    assert heights == pytest.approx([up(0) - up(10), 0, up(0) - up(5)], abs=0.3)
    assert [bar.all("title")[0].text() for bar in svg.all("rect")] == ["1: 10", "2: 0", "3 to 4: 5"]


def test_points_are_drawn_by_group() -> None:
    svg = drawn(scatter("users", {"s1": [(0.0, 0.0), (1.0, 1.0)], "s2": [(1.0, 0.0)]}))
    first, second = (path.attributes["d"] for path in svg.all("path"))
    (x0, y0, _), (x1, y1, _) = (numbers(f"{point}") for point in first.split("M")[1:])
    assert x0 < x1 and y0 > y1, "up is up"
    assert numbers(second)[:2] == [x1, y0]


def test_each_style_has_its_own_shape() -> None:
    shapes = {mark(style, 0, 0) for style in STYLES}
    assert len(shapes) == len(STYLES) and all('class="dot"' in shape for shape in shapes)


def test_what_is_cut_is_told_in_full() -> None:
    assert not read_page(named("short", 0, 0)).all("title")
    (title,) = read_page(named("<" + "x" * 40, 0, 0)).all("title")
    assert title.text() == "<" + "x" * 40


@pytest.mark.parametrize("values", [[], [float("nan")], [0.0, 0.0], [5.0]])
def test_an_axis_of_little(values: list[float]) -> None:
    assert spanning(values, 0, 100).low < spanning(values, 0, 100).high
