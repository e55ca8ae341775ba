"""Reads the forms of a page as a browser would: what they post, and where to."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_EMPTY_TYPES = ("submit", "button", "reset", "image", "file")


@dataclass
class Form:
    """One form: its method, its target and its successful controls."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._inside = False
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = True
            self.forms.append(Form(values.get("method", "get").lower(), values.get("action", "")))
        elif self._inside and "name" in values:
            self._control(tag, values)

    def _control(self, tag: str, values: dict[str, str]) -> None:
        if tag == "textarea":
            self._area = values["name"]
            self.forms[-1].fields[values["name"]] = ""
        elif tag == "input" and values.get("type") not in _EMPTY_TYPES:
            self.forms[-1].fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea" and self._area is not None:
            # A line break right after the tag is not part of the value (HTML 13.2.6.4.7).
            self.forms[-1].fields[self._area] = self.forms[-1].fields[self._area].removeprefix("\n")
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1].fields[self._area] += data


def read_forms(html: str) -> list[Form]:
    """Return the forms of a page in their order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.forms


def form_with(html: str, name: str) -> Form:
    """Return the one form that has a field of that name."""
    found = [form for form in read_forms(html) if name in form.fields]
    assert len(found) == 1, f"{len(found)} forms with a field {name!r}"
    return found[0]


def form_to(html: str, ending: str) -> Form:
    """Return the one POST form whose target ends so."""
    found = [form for form in read_forms(html) if form.method == "post" and form.action.endswith(ending)]
    assert len(found) == 1, f"{len(found)} forms that post to ...{ending}"
    return found[0]
