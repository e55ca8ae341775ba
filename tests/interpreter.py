"""Modules that a fresh interpreter loads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

#: Makes an app with a guarded view, and visits it.
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

_RUN = """
import json, sys
after = {}
for name, code in json.load(sys.stdin).items():
    exec(code, {"__name__": "__main__"})
    after[name] = sorted(sys.modules)
print(json.dumps(after))
"""


def modules_after(steps: Mapping[str, str]) -> dict[str, set[str]]:
    """Run steps one after another in one fresh interpreter.

    Parameters
    ----------
    steps : mapping of str to str
        Code by the name of the step, in the order in which it runs.

    Returns
    -------
    dict of str to set of str
        Names of all modules that are loaded after each step.
    """
    command = [sys.executable, "-c", _RUN]
    run = subprocess.run(command, input=json.dumps(steps), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return {name: set(names) for name, names in json.loads(run.stdout.splitlines()[-1]).items()}
