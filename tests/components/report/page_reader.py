"""Reads a page strictly: what a browser would silently mend is an error here."""

import dataclasses
import html.parser
from typing import Any

VOID = ("meta", "br")


@dataclasses.dataclass
class Element:
    """An element: its name, its attributes, and what is in it in order."""

    tag: str
    attributes: dict[str, str | None]
    children: list["Element | str"] = dataclasses.field(default_factory=list)

    def all(self, *tags: str) -> list["Element"]:
        """Returns all elements of these names in it, in the order of the page; all there are if none is named."""
        inner = [child for child in self.children if isinstance(child, Element)]
        return [found for child in inner for found in ([child] * (child.tag in tags or not tags) + child.all(*tags))]

    def text(self, leave_out: Any = lambda element: False) -> str:
        """Returns its text, without that of elements to leave out."""
        parts = (child if isinstance(child, str) else child.text(leave_out) for child in self.children)
        return "" if leave_out(self) else "".join(parts)

    def by_id(self, name: str) -> "Element":
        """Returns the one element with an id."""
        (found,) = (element for element in self.all() if element.attributes.get("id") == name)
        return found

    def of_class(self, name: str) -> list["Element"]:
        """Returns all elements of a class."""
        return [element for element in self.all() if name in (element.attributes.get("class") or "").split()]


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice: {attrs}"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert any(element.tag == "svg" for element in self.open), f"<{tag}/> is closed in SVG alone"
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(text: str) -> Element:
    """Returns what a page is made of."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    (root,) = reader.open
    return root


def follow(document: Any, pointer: str) -> Any:
    """Returns what a JSON pointer (RFC 6901) points to."""
    first, *keys = pointer.split("/")
    assert first == "", f"{pointer} is no JSON pointer"
    for key in keys:
        key = key.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document
