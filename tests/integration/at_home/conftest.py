"""Fixtures: the app of a page, and a browser at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest
from flask.testing import FlaskClient

from .pages import CONFIG, loaded, logged_in

Load = Callable[[str], ModuleType]
Visit = Callable[..., FlaskClient]


@pytest.fixture
def load() -> Iterator[Load]:
    """Return a function that runs the Python of a page and gives its names."""
    with ExitStack() as stack:
        yield lambda page: stack.enter_context(loaded(page))


@pytest.fixture
def visit(load: Load) -> Visit:
    """Return a function that gives a browser at a page's app; ``user`` is put into the session."""

    def visit(page: str, user: str | None = "ada", **config: Any) -> FlaskClient:
        app = load(page).create_app({**CONFIG, **config})
        return logged_in(app.test_client(), user)

    return visit
