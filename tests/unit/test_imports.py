"""Check which modules the extension loads, in fresh interpreters."""

from __future__ import annotations

import pytest

from tests.interpreter import APP, modules_after

# Offline or optional: none of it belongs in a web worker that did not ask for it.
HEAVY = {"sklearn", "joblib", "scipy", "matplotlib", "rich", "twilio", "pandas"}
OFFLINE = {"flask_zerotrust.training", "flask_zerotrust.testing", "flask_zerotrust.cli"}
EXTRAS = {"flask_login", "flask_wtf", "flask_session", "flask_babel", "babel"}

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


@pytest.fixture(scope="module")
def loaded_without_extras() -> dict[str, set[str]]:
    """Modules that one interpreter has loaded after each of these steps, on a machine without extras."""
    return modules_after(
        {
            "hide rich": WITHOUT_EXTRAS
            + "import importlib.util\nassert importlib.util.find_spec('rich') is None",
            "guard a view": APP,
            "use the test kit": "from flask_zerotrust import testing\n"
            "testing.person(strokes=3), testing.bot(strokes=3)",
        }
    )


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[0] in HEAVY or name in OFFLINE}


def test_the_probe_sees_a_heavy_import(loaded):
    assert "rich" in heavy(loaded["import rich"])


def test_importing_the_package_loads_neither_training_nor_what_it_needs(loaded):
    modules = loaded["import the package"]
    assert "flask_zerotrust.extension" in modules
    assert heavy(modules) == set()


def test_an_app_with_a_guarded_view_and_the_shipped_model_loads_none_of_it_either(loaded):
    modules = loaded["guard a view"]
    assert "flask_zerotrust.risk.model" in modules
    assert heavy(modules) == set()


def test_the_probe_can_hide_a_package(loaded_without_extras):
    assert "rich" not in loaded_without_extras["hide rich"]


def test_an_app_works_with_the_core_packages_alone(loaded_without_extras):
    assert "flask_zerotrust.risk.model" in loaded_without_extras["guard a view"]


def test_the_test_kit_and_the_simulators_need_the_core_packages_alone(loaded_without_extras):
    """Users of the kit install no more for their tests than for their app."""
    modules = loaded_without_extras["use the test kit"]
    assert "flask_zerotrust.testing" in modules
    assert {name.split(".")[0] for name in modules} & HEAVY == set()


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
    modules = modules_after({"pure": code})["pure"]
    assert modules & {"flask", "werkzeug", "sklearn", "twilio"} == set()
