"""Fixtures for the unit tests: modules that fresh interpreters load."""

from __future__ import annotations

import pytest

from tests.interpreter import APP, modules_after


@pytest.fixture(scope="session")
def loaded() -> dict[str, set[str]]:
    """Modules that one interpreter has loaded after each of these steps."""
    return modules_after(
        {
            "import the package": "import flask_zerotrust",
            "import the stores": "import flask_zerotrust.stores",
            "load the model": "from flask_zerotrust.risk.model import load_bundle; load_bundle()",
            "guard a view": APP,
            "import the commands": "import flask_zerotrust.cli",
            "import rich": "import rich",
        }
    )
