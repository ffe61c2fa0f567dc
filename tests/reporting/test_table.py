"""One table, three renderings."""

import pytest
from markupsafe import Markup

from reporting.table import Cell, Column, Number, Row, Table, escape_markdown, number, rank_values

COLUMNS = (Column("Method", words=True), Column("R@5", "Next item"), Column("N@5", "Next item"), Column("p", "Test"))


def make_table() -> Table:
    first = number(0.12345, "metric", ("models", 0), rank="best", small=(Number(0.01, "metric", ("low",)),))
    return Table(
        COLUMNS,
        (
            Row(("a|b <c>", first, number(None, "metric"), number(0.0001, "p")), html_class="candidate"),
            Row(
                (
                    "牛乳",
                    number(0.1, "metric", rank="second"),
                    Cell((Number(-0.0, "difference"),), significant=True),
                    "",
                )
            ),
        ),
        caption="Table 1 & more",
        notes=("* significant",),
    )


def test_text_is_aligned_whatever_the_script():
    text = make_table().to_text()
    lines = text.splitlines()
    assert lines[0] == "Table 1 & more" and lines[-1] == "* significant"
    assert lines[1].split() == ["Next", "item", "Test"]
    assert lines[2].split() == ["Method", "R@5", "N@5", "p"]
    assert lines[4].split() == ["a|b", "<c>", "0.1235¹", "0.0100", "–", "<0.001"]
    assert lines[5].split() == ["牛乳", "0.1000²", "+0.0000*"]
    # A wide character takes two cells, so the line of the wide name has two characters fewer before its number.
    assert lines[5].index("0.1000²") + len("0.1000²") == lines[4].index("0.0100") + len("0.0100") - 2
    assert "\x1b" not in text


def test_digits_are_aligned_beside_ranks():
    values = (0.1, 0.25, 0.5)
    rows = tuple(Row(("m", number(v, "metric", rank=r))) for v, r in zip(values, rank_values(values), strict=True))
    lines = Table((Column("m", words=True), Column("v")), rows).to_text().splitlines()[2:]
    assert [line.index(".") for line in lines] == [lines[0].index(".")] * 3


def test_markdown_escapes_and_ranks():
    lines = make_table().to_markdown().splitlines()
    assert lines[0] == "| Method | Next item R@5 | Next item N@5 | Test p |"
    assert lines[1] == "| :-- | --: | --: | --: |"
    assert lines[2] == r"| a\|b \<c\> | **0.1235** 0.0100 | – | \<0.001 |"
    assert lines[3] == r"| 牛乳 | <u>0.1000</u> | +0.0000\* |  |"
    assert lines[-1] == r"\* significant"


def test_html_holds_all_digits_and_their_origin():
    html = make_table().to_html()
    assert '<strong><data value="0.12345" data-path="/models/0">0.1235</data></strong>' in html
    assert '<small><data value="0.01" data-path="/low">0.0100</data></small>' in html
    assert '<tr class="candidate"><th scope="row"><bdi>a|b &lt;c&gt;</bdi></th>' in html
    assert '<th scope="colgroup" colspan="2">Next item</th>' in html
    assert "<caption>Table 1 &amp; more</caption>" in html and "not measured" in html


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="expected 4 cells. Received: 1"):
        Table(COLUMNS, (Row(("exclusive_lock",)),))


def test_html_in_a_cell_is_kept_in_html_and_dropped_elsewhere():
    cell = Cell((Markup("<b>bold</b>"),))
    assert cell.to_html() == "<b>bold</b>" and cell.to_text() == "bold"


def test_classes_styles_and_tooltips_stay_in_html():
    columns = (Column("scene", words=True), Column("<long>", html_class="share", tooltip="a <long> name"))
    cell = Cell((Number(0.5, "share"),), html_class="dark", html_style="--share:0.5", tooltip="half")
    table = Table(columns, (Row((Cell(("a",), tooltip="all of a"), cell)),), html_class="matrix")
    html = table.to_html()
    assert '<table class="matrix">' in html and '<th scope="row" title="all of a">' in html
    assert '<th scope="col" class="share" title="a &lt;long&gt; name"><bdi>&lt;long&gt;</bdi></th>' in html
    assert '<td class="share dark" style="--share:0.5" title="half">' in html
    assert "half" not in table.to_text() and "half" not in table.to_markdown()


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0.1, 0.3, 0.2], [None, "best", "second"]),
        ([0.3, 0.3, 0.2], ["best", "best", "second"]),
        ([0.3, 0.2, 0.2, 0.1], ["best", "second", "second", None]),
        ([0.3, 0.3], ["best", "best"]),
        ([0.3], [None]),
        ([0.3, None], [None, None]),
        ([2.0, 1.0, 2.0], ["best", "second", "best"]),
        ([None, 0.3, None, 0.1], [None, "best", None, "second"]),
        ([0.12344, 0.12343], ["best", "second"]),  # alike as shown, not at full precision
        ([0.1 + 0.2, 0.3, 0.2], ["best", "best", "second"]),  # alike but for the order of a sum
        ([0.0, 0.0, 0.0], ["best", "best", "best"]),
        ([], []),
    ],
)
def test_best_and_second(values: list[float | None], wanted: list[str | None]) -> None:
    assert rank_values(values) == wanted


def test_text_that_markdown_would_read_as_more():
    assert escape_markdown("_x_ `y`") == r"\_x\_ \`y\`"
