"""The harness itself: a Chromium that renders and runs modules."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from .harness import find_chromium, missing


def test_the_browser_is_a_real_one(page: Page) -> None:
    """It computes layout and speaks of trusted events, unlike an imitation of the DOM."""
    page.set_content("<button onclick='document.title = event.isTrusted'>press</button>")
    page.get_by_role("button").click()
    assert page.title() == "true"


def test_a_named_chromium_that_does_not_exist_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for one browser and silently testing another would be a false proof."""
    monkeypatch.setenv("ZEROTRUST_TEST_CHROMIUM", "/nowhere/chromium")
    assert find_chromium() is None


def test_what_is_missing_fails_in_ci_and_skips_loudly_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proof that did not run must not look like one that passed."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Xvfb is missing"):
        missing("Xvfb", "apt-get install xvfb")
    monkeypatch.delenv("CI")
    with pytest.warns(UserWarning, match="NOT TESTED"), pytest.raises(pytest.skip.Exception):
        missing("Xvfb", "apt-get install xvfb")
