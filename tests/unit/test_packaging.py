"""What a user gets from pip: the right files, light requirements, honest metadata."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from importlib.metadata import entry_points, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import flask_zerotrust

ROOT = Path(__file__).resolve().parents[2]
# Folders with Python that stay in a checkout.
BESIDE = ("docs", "example_app", "research", "tests")
CORE = {"flask", "itsdangerous", "numpy", "pyotp", "segno", "cryptography", "blinker", "idna"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy, so that nothing is left in the working tree.

    The copy holds all folders with Python in them: a package that ships by mistake is there to be found.
    """
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in ("flask_zerotrust", *BESIDE):
        ignored = shutil.ignore_patterns("__pycache__", "_build")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "wheel"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-w", out, copy], check=True)
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def names(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


@pytest.fixture(scope="module")
def metadata(wheel):
    (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(path))


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    """Also those that are not Python: script, styles, pages, the model, py.typed."""
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "flask_zerotrust").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - names(wheel) == set()
    kinds = {Path(name).suffix for name in wanted}
    assert {".py", ".typed", ".js", ".css", ".html", ".npz", ".json", ".md"} <= kinds


def test_nothing_else_is_in_the_wheel(wheel):
    folders = {name.split("/")[0] for name in names(wheel)}
    assert folders == {"flask_zerotrust", f"flask_zerotrust-{version('Flask-ZeroTrust')}.dist-info"}


def test_the_packages_in_the_wheel_are_those_of_the_import_contract(wheel):
    """A new one needs a place in the layers, and so in the table of docs/architecture.md."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    python = {Path(name) for name in names(wheel) if name.endswith(".py")}
    parts = {path.parts[1].removesuffix(".py") for path in python}
    assert parts == {"__init__", "__main__"} | {
        part for layer in layers for part in re.findall(r"\w+", layer)
    }


def test_the_licence_travels_along(wheel, metadata):
    (path,) = (name for name in names(wheel) if name.endswith("/LICENSE"))
    assert b"Flask-ZeroTrust contributors" in wheel.read(path)
    assert metadata["License-Expression"] == "MIT"


def test_the_version_is_the_same_everywhere(metadata):
    assert metadata["Version"] == flask_zerotrust.__version__ == version("Flask-ZeroTrust")
    changes = (ROOT / "CHANGES.md").read_text()
    assert f"\n## {flask_zerotrust.__version__} " in changes


def requirements(metadata, *, extra: str | None) -> dict[str, str]:
    """Return the names and version bounds of the core (None) or of one extra."""
    found = {}
    for line in metadata.get_all("Requires-Dist"):
        requirement, _, marker = line.partition(";")
        wanted = re.search(r"extra == [\"'](\w+)[\"']", marker)
        if (wanted.group(1) if wanted else None) == extra:
            name, bounds = re.fullmatch(r"([\w.-]+(?:\[[\w,]+\])?)\s*(.*)", requirement.strip()).groups()
            found[name.lower()] = bounds
    return found


def test_the_core_needs_eight_packages(metadata):
    assert requirements(metadata, extra=None).keys() == CORE


def test_bounds_are_lower_bounds_only(metadata):
    """An upper bound in a library blocks its users from updates."""
    lines = [line.partition(";")[0] for line in metadata.get_all("Requires-Dist")]
    assert [line for line in lines if re.search(r"[<=!~](?!=)|[<!~]=|==", line.replace(">=", ""))] == []


def test_learning_and_sms_are_extras(metadata):
    assert "scikit-learn" in requirements(metadata, extra="train")
    assert requirements(metadata, extra="sms").keys() == {"phonenumbers", "twilio"}
    assert {"train", "sms", "async", "demo", "dev"} <= set(metadata.get_all("Provides-Extra"))


def test_flask_finds_the_commands():
    (found,) = (point for point in entry_points(group="flask.commands") if point.name == "zerotrust")
    group = found.load()
    assert {"generate", "import", "features", "train", "evaluate", "score"} <= set(group.commands)


def test_the_package_runs_as_a_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["flask_zerotrust", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("flask_zerotrust", run_name="__main__")
    assert ended.value.code == 0
    assert "Usage: python -m flask_zerotrust " in capsys.readouterr().out


def test_the_tests_run_with_chosen_versions_of_everything_that_is_installed():
    """Warnings are errors, so a new version of a package would otherwise break the suite by itself."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    chosen = {canonicalize_name(name): number for name, number in pairs}
    for name in distributions_of("Flask-ZeroTrust", {"dev"}):
        assert chosen.get(name) == version(name), name


def distributions_of(name: str, extras: set[str]) -> set[str]:
    """Return the packages that a package needs with some extras, and what those need."""
    found: set[tuple[str, str]] = set()
    left = [(name, extra) for extra in ("", *extras)]
    while left:
        package, extra = left.pop()
        for text in requires(package) or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                more = {(canonicalize_name(wanted.name), extra) for extra in ("", *wanted.extras)} - found
                found |= more
                left += more
    return {package for package, _ in found} - {"flask-zerotrust"}


def test_every_recipe_for_contributors_has_eight_steps_and_names_files_that_there_are():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    recipes = re.findall(r"^## Add a .*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert [re.findall(r"^(\d)\. ", recipe, re.MULTILINE) for recipe in recipes] == [list("12345678")] * 4
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for path in re.findall(r"`((?:[\w.]+/)*[\w]+\.py)`", text):
        assert path in tracked, path
