"""What importing and starting the extension loads: seen from a fresh interpreter each time."""

from __future__ import annotations

import json
import subprocess
import sys

# Offline or optional: none of it belongs in a web worker that did not ask for it.
HEAVY = {"sklearn", "joblib", "scipy", "matplotlib", "rich", "twilio", "pandas"}
OFFLINE = {"flask_zerotrust.training", "flask_zerotrust.testing", "flask_zerotrust.cli"}
EXTRAS = {"flask_login", "flask_wtf", "flask_session", "flask_babel", "babel"}

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

# Hides the packages of the extras, as on a machine without them.
WITHOUT_EXTRAS = f"""
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {sorted(HEAVY | EXTRAS)}:
            return None
        return self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def loaded(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the names of the modules that it loaded."""
    code += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[0] in HEAVY or name in OFFLINE}


def test_the_probe_sees_a_heavy_import():
    assert "rich" in heavy(loaded("import rich"))


def test_importing_the_package_loads_neither_training_nor_what_it_needs():
    modules = loaded("import flask_zerotrust")
    assert "flask_zerotrust.extension" in modules
    assert heavy(modules) == set()


def test_an_app_with_a_guarded_view_and_the_shipped_model_loads_none_of_it_either():
    modules = loaded(APP)
    assert "flask_zerotrust.risk.model" in modules
    assert heavy(modules) == set()


def test_the_probe_can_hide_a_package():
    code = WITHOUT_EXTRAS + "import importlib.util\nassert importlib.util.find_spec('rich') is None"
    assert "rich" not in loaded(code)


def test_an_app_works_with_the_core_packages_alone():
    assert "flask_zerotrust.risk.model" in loaded(WITHOUT_EXTRAS + APP)


def test_the_test_kit_and_the_simulators_need_the_core_packages_alone():
    """Users of the kit install no more for their tests than for their app."""
    code = "from flask_zerotrust import testing\ntesting.person(strokes=3), testing.bot(strokes=3)"
    assert {name.split(".")[0] for name in loaded(WITHOUT_EXTRAS + code)} & HEAVY == set()


def test_the_pure_modules_load_without_flask():
    pure = (
        "errors",
        "config",
        "movement.wire",
        "risk.level",
        "movement",
        "risk.assess",
        "keys",
        "stores",
        "challenge",
    )
    code = "import importlib.util, sys, types\n"
    # The package's own __init__ offers ZeroTrust and so needs Flask: step around it.
    code += "spec = importlib.util.find_spec('flask_zerotrust')\n"
    code += "package = types.ModuleType('flask_zerotrust')\n"
    code += "package.__path__ = list(spec.submodule_search_locations)\n"
    code += "sys.modules['flask_zerotrust'] = package\n"
    code += "\n".join(f"import flask_zerotrust.{name}" for name in pure)
    modules = loaded(code)
    assert modules & {"flask", "werkzeug", "sklearn", "twilio"} == set()
