"""Every page that the extension answers with has its template, and works under a strict policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flask_zerotrust

PACKAGE = Path(flask_zerotrust.__file__).parent
NAMES = sorted(
    {
        name
        for file in (PACKAGE / "web").rglob("*.py")
        for name in re.findall(r'(?<![\w.])(?:responses\.)?page\(\s*"(\w+)"', file.read_text())
    }
)


def test_the_pages_are_found() -> None:
    pages = (
        "challenge confirm contact enrol enrolled factor factors message no_factor passkey recovery "
        "sessions"
    )
    assert " ".join(NAMES) == pages


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_its_template(name: str) -> None:
    assert (PACKAGE / "templates" / "zerotrust" / f"{name}.html").is_file()
