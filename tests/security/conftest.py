"""The small app of the integration tests, for attacks on it."""

from __future__ import annotations

from tests.integration.conftest import ada, clock, make_site, site

__all__ = ["ada", "clock", "make_site", "site"]
