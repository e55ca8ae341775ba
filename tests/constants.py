"""Other values for the constants of ``flask_zerotrust.config``, in this process or in one of its own.

``python -m tests.constants MODULE ...`` runs a module with those that the environment names.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from flask_zerotrust import config

#: Environment variable that holds them as JSON.
VARIABLE = "ZEROTRUST_TEST_CONSTANTS"


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the constants, which are named as in the module, and the settings among some values."""
    constants = {name for name in values if name.isupper() and hasattr(config, name)}
    return {n: values[n] for n in constants}, {n: v for n, v in values.items() if n not in constants}


def set_constants(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set the constants among some values for one test, and return the other values."""
    constants, rest = split(values)
    for name, value in constants.items():
        monkeypatch.setattr(config, name, value)
    return rest


def set_for_good(values: Mapping[str, Any]) -> None:
    """Set the constants among some values for as long as this process runs."""
    for name, value in split(values)[0].items():
        setattr(config, name, value)


if __name__ == "__main__":
    set_for_good(json.loads(os.environ.get(VARIABLE, "{}")))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
