"""Scripts and style sheets, under an address that changes with them, so that browsers keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, send_from_directory
from flask.wrappers import Response

FOLDER = Path(__file__).parents[2] / "static"
#: How long browsers may keep a file that never changes under its address: a year, in seconds.
MAX_AGE_S = 365 * 86_400


@cache
def current_version() -> str:
    """Return 12 hexadecimal digits that change if any of the files does."""
    files = sorted(file for file in FOLDER.iterdir() if file.is_file())
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def send(filename: str, version: str = "") -> Response:
    """Send a file.

    Under the version of this process, browsers keep it for a year. Under none, or under that of another
    process during an update, they ask each time whether it has changed.
    """
    if version != current_version():
        return send_from_directory(FOLDER, filename)
    answer = send_from_directory(FOLDER, filename, max_age=MAX_AGE_S)
    answer.cache_control.immutable = True
    return answer


def register(blueprint: Blueprint) -> None:
    """Add the files to the blueprint. ``url_for("zerotrust.static", filename=...)`` names the version."""
    blueprint.add_url_rule("/static/<path:filename>", "static", send)
    blueprint.add_url_rule("/static/<version>/<path:filename>", "static", send)
    blueprint.url_defaults(_name_version)


def _name_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "zerotrust.static":
        values.setdefault("version", current_version())
