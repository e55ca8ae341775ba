"""Commands of research: all are on their page, and data that is not there is told in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from research import recipe
from research.cli import group

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/make_*.py"), ROOT / "Makefile", ROOT / "CHANGES.md"]


def test_every_command_is_on_the_page_of_commands() -> None:
    _, _, section = (ROOT / "docs" / "command-line.md").read_text().partition("## Research\n")
    assert set(re.findall(r"`([a-z-]+)`", section)) == set(group.commands)


def test_the_commands_that_are_shown_exist() -> None:
    """Also those that the Makefile runs."""
    for page in PAGES:
        shown = re.findall(r"(?:\$\(RESEARCH\)|python -m research) ([a-z][a-z-]+)", page.read_text())
        assert set(shown) <= set(group.commands), page.name


@pytest.mark.parametrize("command", ["identity", "replays"])
@pytest.mark.parametrize("place", ["nowhere", "."])
def test_data_that_is_not_there_is_one_line(
    command: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that does not exist, and one that holds nothing: what is missing, exit status 2."""
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(group, [command, place, "--json", "out.json"])
    assert (said.exit_code, said.stderr.count("\n")) == (2, 1)
    assert ("nowhere is not a folder" if place == "nowhere" else recipe.SAPIMOUSE) in said.stderr
    assert not (tmp_path / "out.json").exists()


def test_every_archive_that_is_missing_is_named(tmp_path: Path) -> None:
    """Nobody should have to run a command three times to learn of three archives."""
    (tmp_path / recipe.KH2017).touch()
    said = CliRunner().invoke(group, ["replays", str(tmp_path), "--json", str(tmp_path / "out.json")])
    assert recipe.SAPIMOUSE in said.stderr
    assert recipe.BALABIT in said.stderr
    assert recipe.KH2017 not in said.stderr
