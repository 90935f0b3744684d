"""A report as a browser reads it, without one: elements, text, addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from pytest_cutover.report.page import render_page


@dataclass
class Element:
    """One start tag, and the text up to the end of the page's next start or end tag."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """What a browser sees of a page."""

    source: str
    elements: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1].tag != "style":
            self.elements[-1].text += data
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    @property
    def ids(self) -> list[str]:
        return [element.attributes["id"] or "" for element in self.elements if "id" in element.attributes]

    def after(self, heading: str) -> str:
        """The text from a heading to the next of the same level."""
        _, found, rest = self.text.partition(heading)
        assert found, f"no {heading!r} in {self.text[:200]}"
        return rest


def page(result: dict[str, Any]) -> Page:
    return Page(render_page(result))
