"""Find the Chromium that a measurement drives."""

from __future__ import annotations

from flask_zerotrust.errors import ConfigError
from tests.browser.harness import find_chromium


def the_chromium() -> str:
    """Return the path of Chromium.

    Raises
    ------
    ConfigError
        If there is none on this machine.
    """
    found = find_chromium()
    if found is None:
        raise ConfigError("Chromium is missing: apt-get install chromium, or set ZEROTRUST_TEST_CHROMIUM.")
    return found
