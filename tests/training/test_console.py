"""A bar is drawn late, and only on a terminal."""

from __future__ import annotations

import io

import pytest

from flask_zerotrust.cli.progress_bar import Bar


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
