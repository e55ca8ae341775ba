"""Guards for views that the app does not own, named by their endpoints."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import filter as matching
from typing import Any

from flask import Flask

from flask_zerotrust.errors import ConfigError

# One of the first requests sets the guards, and the others wait.
_lock = threading.Lock()
_OWN = "zerotrust."


@dataclass(frozen=True, slots=True)
class Protection:
    """Endpoints, or patterns of them such as ``"user.*"``, and the guard for their views."""

    endpoints: tuple[str, ...]
    state: Callable[[Callable[..., Any]], Callable[..., Any]]


def protect(app: Flask, protections: Iterable[Protection], done: set[Protection]) -> None:
    """Put the guards before the views of an app, each once.

    Raises
    ------
    ConfigError
        For an endpoint that the app does not have. No guard is set then.
    """
    with _lock:
        new = [item for item in protections if item not in done]
        named = [(name, item) for item in new for text in item.endpoints for name in _named(app, text)]
        for name, item in named:
            app.view_functions[name] = item.state(app.view_functions[name])
        done.update(new)


def _named(app: Flask, text: str) -> list[str]:
    """Return the endpoints that a name or a pattern means."""
    known = [name for name in app.view_functions if not name.startswith(_OWN)]
    result = [text] if text in known else matching(known, text) if "*" in text else []
    if not result:
        near = get_close_matches(text, known, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ConfigError(
            f"zt.protect({text!r}): this app has no such endpoint.{hint} `flask routes` lists them all."
        )
    return result
