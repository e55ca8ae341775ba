"""Fixtures for the unit tests: modules that fresh interpreters load."""

from __future__ import annotations

import pytest

from tests.interpreter import modules_after

APP = """
import flask
from flask_zerotrust import ZeroTrust, current_risk, step_up_required
app = flask.Flask(__name__)
app.config.update(SECRET_KEY="test", TESTING=True, ZEROTRUST_STORE="memory://")
zt = ZeroTrust(app)
zt.user_id_loader(lambda: "ada")
@app.get("/guarded")
@step_up_required
def guarded():
    return "in"
answer = app.test_client().get("/guarded", headers={"Accept": "application/json"})
assert answer.status_code in (401, 403), answer.status
"""


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
