"""A bar is drawn late, and only on a terminal; data that is not there is told in one line."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flask_zerotrust.cli.progress_bar import Bar
from research import recipe, replays
from research.identity import __main__ as measuring


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO, seconds: float, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what somebody sees of ten visits that take so long altogether."""
    now = [0.0]
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with Bar(clock=lambda: now[0]) as bar:
        for _ in bar.over(range(10), "visits", 10):
            now[0] += seconds / 10
    return stream.getvalue()


def test_long_work_on_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than two seconds, with what is counted and how far it is."""
    seen = drawn(Terminal(), 4.0, monkeypatch)
    assert "visits" in seen
    assert "10/10" in seen


def test_short_work_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing flickers."""
    assert drawn(Terminal(), 1.9, monkeypatch) == ""


def test_a_file_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs stay readable."""
    assert drawn(io.StringIO(), 60.0, monkeypatch) == ""


def test_items_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, none lost, whether it is known how many there are or not."""
    monkeypatch.setattr("sys.stderr", Terminal())
    with Bar(clock=iter(range(100)).__next__) as bar:  # type: ignore[arg-type]
        assert list(bar.over("abcd", "letters")) == list("abcd")


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
