"""Commands of research: data that is not there is told in one line."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from research import recipe, replays
from research.identity import __main__ as measuring

COMMANDS = [(measuring.main, []), (replays.main, ["--json"])]


@pytest.mark.parametrize(("command", "option"), COMMANDS)
@pytest.mark.parametrize("place", ["nowhere", "."])
def test_data_that_is_not_there_is_one_line(
    command: click.Command, option: list[str], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that does not exist, and one that holds nothing: what is missing, exit status 2."""
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(command, [place, *option, "out.json"])
    assert (said.exit_code, said.stderr.count("\n")) == (2, 1)
    assert ("nowhere is not a folder" if place == "nowhere" else recipe.SAPIMOUSE) in said.stderr
    assert not (tmp_path / "out.json").exists()


def test_every_archive_that_is_missing_is_named(tmp_path: Path) -> None:
    """Nobody should have to run a command three times to learn of three archives."""
    (tmp_path / recipe.KH2017).touch()
    said = CliRunner().invoke(replays.main, [str(tmp_path), "--json", str(tmp_path / "out.json")])
    assert recipe.SAPIMOUSE in said.stderr
    assert recipe.BALABIT in said.stderr
    assert recipe.KH2017 not in said.stderr
