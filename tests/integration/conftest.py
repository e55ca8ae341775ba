"""Fixtures: a small app with logins and protected views, its clock, and Ada in her browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.clock import Clock
from tests.constants import set_constants

from .sites import FixedScorer, Site, Visitor, build_app


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_site(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Site]:
    """Return a function that makes a site with the given configuration and constants."""

    def make(**config: Any) -> Site:
        return build_app(clock, FixedScorer(), **set_constants(monkeypatch, config))

    return make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@pytest.fixture
def ada(site: Site) -> Visitor:
    """Ada, logged in, not yet moved."""
    return site.visitor().login()
