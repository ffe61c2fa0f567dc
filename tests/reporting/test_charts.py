"""Where charts put what they show, followed back from the axis to the values."""

import re

import pytest
from markupsafe import Markup

from reporting.charts import (
    Interval,
    IntervalRow,
    Line,
    Scale,
    draw_histogram,
    draw_intervals,
    draw_label,
    draw_lines,
    draw_point,
    draw_scatter,
    fit_scale,
    make_difference_row,
)
from schemas.evaluation import Estimate
from tests.components.report.page_reader import Element, read_page

STYLES = ("s1", "s2", "s3", "s4")


def parse(svg: Markup) -> Element:
    (element,) = read_page(svg).children
    box = [float(number) for number in element.attributes["viewbox"].split()]
    for text in element.all("text"):
        assert box[0] <= float(text.attributes["x"]) <= box[2] and box[1] <= float(text.attributes["y"]) <= box[3]
    return element


def read_axis(svg: Element, anchor: str, place: str) -> Scale:
    """Returns the axis that the first and the last tick of an anchor tell."""
    ticks = [text for text in svg.all("text") if text.attributes["class"] == f"tick {anchor}"]
    low, high = (float(tick.text().replace(",", "")) for tick in (ticks[0], ticks[-1]))
    # Beside a line, a text stands a little lower than the line.
    start, end = (float(tick.attributes[place]) - 4 * (place == "y") for tick in (ticks[0], ticks[-1]))
    return Scale(low, high, start, end)


def read_numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


def read_middle(point: Element) -> float:
    """Returns where a dot, or a square, stands from left to right."""
    return float(point.attributes["cx"]) if point.tag == "circle" else read_numbers(point.attributes["d"])[0] + 3


def test_intervals_stand_over_their_axis() -> None:
    rows = [
        IntervalRow("a", [Interval("s1", 0.2, 0.1, 0.3, "told")]),
        IntervalRow("<b>", [Interval("s1", 0.0, 0.0, 0.0, "")]),
    ]
    svg = parse(draw_intervals("what", rows))
    across = read_axis(svg, "mid", "x")
    for (low, value, high), group in zip([(0.1, 0.2, 0.3), (0, 0, 0)], svg.all("g"), strict=True):
        (dot,), (line,) = group.of_class("dot"), group.of_class("whisker")
        assert float(dot.attributes["cx"]) == pytest.approx(across(value), abs=0.3)
        start, height, end = read_numbers(line.attributes["d"])
        assert [start, end] == pytest.approx([across(low), across(high)], abs=0.3)
        assert height == float(dot.attributes["cy"])
    assert svg.all("g")[0].all("title")[0].text() == "told"
    assert [text.text() for text in svg.of_class("label")] == ["a", "<b>"]


def test_an_axis_far_from_zero_does_not_begin_there() -> None:
    near, far = (
        parse(draw_intervals("", [IntervalRow("", [Interval("s1", value, value - 0.01, value + 0.01, "")])]))
        for value in (0.02, 0.9)
    )
    assert near.of_class("tick")[0].text() == "0" and far.of_class("tick")[0].text() != "0"


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e-12, 1e9])
def test_a_value_alone_has_an_axis(value: float) -> None:
    svg = draw_intervals("", [IntervalRow("", [Interval("s1", value, value, value, "")])])
    assert "nan" not in svg and "inf" not in svg
    assert "nan" not in parse(draw_lines("", [Line("", "s1", [1], [value])])).text()


def test_differences_stand_over_zero() -> None:
    differences = [
        ("up", Estimate(2.0, 1.0, 3.0), True),
        ("down", Estimate(-1.0, -1.5, 0.5), False),
        ("<none>", Estimate(0.5, None, None), False),
        ("worse", Estimate(-1.0, -1.5, -0.5), True),
    ]
    svg = parse(draw_intervals("a & b", [make_difference_row(*one) for one in differences], signed=True, width=400))
    (zero,) = svg.of_class("zero")
    (two,) = (text for text in svg.all("text") if text.text() == "+2")
    across = Scale(0.0, 2.0, float(zero.attributes["x1"]), float(two.attributes["x"]))
    groups = svg.all("g")
    assert [group.attributes["class"] for group in groups] == ["s1", "soft", "soft", "s2"]
    for (_, one, significant), group in zip(differences, groups, strict=True):
        (point,) = group.of_class("dot")
        assert read_middle(point) == pytest.approx(across(one.value), abs=0.2)  # drawn to a tenth
        assert bool(group.of_class("hollow")) is not significant
        if one.low is None or one.high is None:
            assert not group.of_class("whisker")
        else:
            start, _, end = read_numbers(group.of_class("whisker")[0].attributes["d"])
            assert [start, end] == pytest.approx([across(one.low), across(one.high)], abs=0.2)
    titles = [group.all("title")[0].text() for group in groups]
    assert titles[0] == "up: +2.0000 [+1.0000, +3.0000], significant" and titles[2] == "<none>: +0.5000"


@pytest.mark.parametrize("difference", [Estimate(0.0, 0.0, 0.0), Estimate(1e-9, None, None)])
def test_an_axis_without_extent(difference: Estimate) -> None:
    assert "nan" not in draw_intervals("flat", [make_difference_row("a", difference, False)], signed=True)


def test_interval_charts_side_by_side_have_the_same_axis() -> None:
    small = [make_difference_row("a", Estimate(0.001, 0.0, 0.002), True)]
    large = [make_difference_row("b", Estimate(-0.2, -0.4, 0.1), True)]
    alone, beside = (draw_intervals("small", small, signed=True, beside=rows) for rows in ((), small + large))
    ticks = [
        re.findall(r'<text class="tick mid"[^>]*>[^<]*', chart)
        for chart in (beside, draw_intervals("large", large, signed=True))
    ]
    assert ticks[0] == ticks[1] and alone != beside


def test_lines_break_where_nothing_was_measured() -> None:
    steps = [1, 2, 3, 4]
    lines = [Line("train", "s1", steps, [1.0, 0.5, None, 0.25]), Line("validation", "s2", steps, [None] * 4)]
    svg = parse(draw_lines("loss", lines, best=2))
    train, validation = (group.of_class("line")[0].attributes["d"] for group in svg.all("g"))
    assert re.findall("[ML]", train) == ["M", "L", "M"] and validation == ""
    across, up = read_axis(svg, "mid", "x"), read_axis(svg, "end", "y")
    x, y = read_numbers(train)[2:4]
    assert (x, y) == pytest.approx((across(2), up(0.5)), abs=0.3)
    assert read_numbers(svg.of_class("best")[0].attributes["d"])[0] == x
    assert [tick.text() for tick in svg.of_class("mid")] == ["1", "2", "4"]


@pytest.mark.parametrize("best", [None, 9])
def test_no_step_is_marked_that_is_not_there(best: int | None) -> None:
    assert not parse(draw_lines("loss", [Line("train", "s1", [3, 4], [1.0, 2.0])], best)).of_class("best")


def test_names_of_steps_do_not_cover_each_other() -> None:
    steps = list(range(1, 101))
    svg = parse(draw_lines("", [Line("", "s1", steps, [float(step) for step in steps])], best=99))
    assert [tick.text() for tick in svg.of_class("mid")] == ["1", "99"]
    assert not svg.of_class("dot"), "that many points would hide the line"


def test_line_charts_side_by_side_have_the_same_axes_and_each_line_its_best_step() -> None:
    short, long = Line("a", "s1", [1, 2], [0.1, 0.2], best=2), Line("b", "s2", [1, 2, 5], [0.3, 0.5, 0.9], best=5)
    svg = parse(draw_lines("short", [short], beside=[short, long]))
    (point,) = svg.of_class("dot")
    (line,) = svg.of_class("line")
    assert [float(point.attributes["cx"]), float(point.attributes["cy"])] == read_numbers(line.attributes["d"])[2:]
    (other,) = parse(draw_lines("long", [long], beside=[short, long])).of_class("line")
    # The second of five steps stands at the same place on both.
    assert read_numbers(line.attributes["d"])[2] == read_numbers(other.attributes["d"])[2]
    assert [tick.text() for tick in svg.of_class("mid")] == ["1", "5"]


def test_bars_are_as_high_as_their_counts() -> None:
    svg = parse(draw_histogram("lengths", [1, 2, 3, 5], [10, 0, 5], "events"))
    up = read_axis(svg, "end", "y")
    heights = [float(bar.attributes["height"]) for bar in svg.all("rect")]
    assert heights == pytest.approx([up(0) - up(10), 0, up(0) - up(5)], abs=0.3)
    assert [bar.all("title")[0].text() for bar in svg.all("rect")] == ["1: 10", "2: 0", "3 to 4: 5"]


def test_points_are_drawn_by_group() -> None:
    svg = parse(draw_scatter("users", {"s1": [(0.0, 0.0), (1.0, 1.0)], "s2": [(1.0, 0.0)]}))
    first, second = (path.attributes["d"] for path in svg.all("path"))
    (x0, y0, _), (x1, y1, _) = (read_numbers(f"{point}") for point in first.split("M")[1:])
    assert x0 < x1 and y0 > y1, "up is up"
    assert read_numbers(second)[:2] == [x1, y0]


def test_each_style_has_its_own_shape() -> None:
    shapes = {draw_point(style, 0, 0) for style in STYLES}
    assert len(shapes) == len(STYLES) and all('class="dot"' in shape for shape in shapes)


def test_what_is_cut_is_told_in_full() -> None:
    assert not read_page(draw_label("short", 0, 0, 18)).all("title")
    (title,) = read_page(draw_label("<" + "x" * 40, 0, 0, 18)).all("title")
    assert title.text() == "<" + "x" * 40


@pytest.mark.parametrize("values", [[], [float("nan")], [0.0, 0.0], [5.0]])
def test_an_axis_of_little(values: list[float]) -> None:
    assert fit_scale(values, 0, 100).low < fit_scale(values, 0, 100).high
