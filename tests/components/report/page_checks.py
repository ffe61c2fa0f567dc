"""What is true of every page of a report, whatever its facts."""

import json
import re
from typing import Any

from components.report.page import render_report
from reporting.numbers import FORMATS
from tests.components.report.page_reader import Element, follow, read_page

SECTIONS = ["verdict", "data", "training", "results", "slices", "users", "examples", "origin"]


def check_numbers(page: Element, facts: dict[str, Any]) -> None:
    """Holds the numbers of a page, and texts that say where they are from, to the facts."""
    stored = json.loads(json.dumps(facts, allow_nan=False))
    for element in page.all():
        path = element.attributes.get("data-path")
        if element.tag == "data":
            value = follow(stored, path)
            assert json.loads(element.attributes["value"]) == value, path
            assert element.text() in {shown(value) for shown in FORMATS.values()}, path
        elif path:
            assert element.text() == follow(stored, path)


def check(facts: dict[str, Any]) -> Element:
    """Renders a page and holds it to what is true of every page."""
    text = render_report(facts)
    page = read_page(text)
    check_numbers(page, facts)
    assert [section.attributes["id"] for section in page.all("section")] == SECTIONS
    assert not re.search(r"\b(None|nan|inf|Undefined)\b", page.text(lambda element: element.tag in ("style", "bdi")))
    return page
