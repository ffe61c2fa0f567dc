import json

import pytest

from reporting.numbers import FORMATS, MISSING, Numbers, pointer
from tests.components.report.page_reader import follow, read_page

FACTS = {"a/b": {"~1": [0.1 + 0.2, 7]}, "<&\"'>": 1e-320, "none": None, "words": "<b>1</b>"}


@pytest.mark.parametrize("path", [("a/b", "~1", 0), ("a/b", "~1", 1), ("<&\"'>",)])
def test_a_number_can_be_followed_back(path: tuple[str | int, ...]) -> None:
    (element,) = read_page(Numbers(FACTS)("metric", *path)).children
    value = follow(FACTS, element.attributes["data-path"])
    assert json.loads(element.attributes["value"]) == value
    assert element.attributes["data-path"] == pointer(*path)


@pytest.mark.parametrize("path", [("none",), ("absent",), ("a/b", "~1", 9), ("none", "deeper"), ("words", "value")])
def test_what_is_not_there_is_a_dash(path: tuple[str | int, ...]) -> None:
    assert Numbers(FACTS)("count", *path) == MISSING


def test_words_stay_words() -> None:
    (element,) = read_page(Numbers(FACTS).text("words")).children
    assert element.text() == "<b>1</b>" and element.attributes["data-path"] == "/words"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("count", 1234567, "1,234,567"),
        ("metric", 0.17224, "0.1722"),
        ("difference", 0.0088, "+0.0088"),
        ("difference", -0.00001, "+0.0000"),
        ("share", 0.9876, "98.8%"),
        ("percent", 9.89e-6, "0.000989%"),
        ("loss", 0.1, "0.1000"),
        ("loss", 123456.7, "123,457"),
        ("p", 0.0, "<0.001"),
        ("p", 0.001, "0.001"),
        ("small", -3.456, "-3.46"),
        ("seconds", 61.4, "61 s"),
    ],
)
def test_formats(kind: str, value: float, shown: str) -> None:
    assert FORMATS[kind](value) == shown
