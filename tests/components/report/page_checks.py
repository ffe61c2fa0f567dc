"""What is true of every page of a report, whatever its numbers."""

import json
import re
from typing import Any

from components.report.page import render_report
from reporting.numbers import FORMATS
from tests.components.report.page_reader import Element, follow, read_page
from tests.components.report.report_json import read_content

SECTIONS = ["verdict", "data", "training", "results", "slices", "users", "examples", "origin"]


def check_numbers(page: Element, document: dict[str, Any]) -> None:
    """Holds the numbers of a page, and texts that say where they are from, to the JSON document they come from."""
    stored = json.loads(json.dumps(document, allow_nan=False))
    for element in page.all():
        path = element.attributes.get("data-path")
        if element.tag == "data":
            value = follow(stored, path)
            assert json.loads(element.attributes["value"]) == value, path
            assert element.text() in {shown(value) for shown in FORMATS.values()}, path
        elif path:
            assert element.text() == follow(stored, path)


def render(document: dict[str, Any]) -> str:
    """Returns the page for the content of `report.json`, which has to be written as it was read."""
    content = read_content(document)
    assert list(content.to_json()) == list(document)
    return render_report(content)


def check(document: dict[str, Any]) -> Element:
    """Renders a page and holds it to what is true of every page."""
    text = render(document)
    page = read_page(text)
    check_numbers(page, document)
    assert [section.attributes["id"] for section in page.all("section")] == SECTIONS
    assert not re.search(r"\b(None|nan|inf|Undefined)\b", page.text(lambda element: element.tag in ("style", "bdi")))
    return page
