"""Spool files turn over, stay within their size and age, and belong to one process each."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from flask_zerotrust.keys import KeyRing
from flask_zerotrust.movement.wire import Envelope
from flask_zerotrust.recordings import recorder
from flask_zerotrust.recordings.recorder import Recorder
from tests.clock import Clock

KIB = 1_024
DAY_S = 86_400.0


def envelope(size: int = 500) -> Envelope:
    return Envelope("t", "a-page-of-sixteen", 0, 0.0, 5.0, (1280, 720), "A" * size)


def make(folder: Path, clock: Clock, max_bytes: int = 1_024 * KIB, keep_s: float = 30 * DAY_S) -> Recorder:
    return Recorder(folder, KeyRing(["key"]), max_bytes=max_bytes, keep_s=keep_s, clock=clock)


def take(to: Recorder, size: int = 500) -> None:
    to.take(envelope(size), visit="visit", user="ada", consent=lambda user: True)


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    """A file holds a thirty-second of the total."""
    spool, clock = make(tmp_path, Clock()), Clock()
    for _ in range(3):
        take(spool, 20 * KIB)
    assert len(recorder.spools(tmp_path)) == 3
    assert clock.now == Clock().now


def test_all_files_together_stay_within_their_size(tmp_path: Path) -> None:
    clock = Clock()
    spool = make(tmp_path, clock)
    for _ in range(200):
        clock.tick(1)
        take(spool, 20 * KIB)
        assert sum(path.stat().st_size for _, path in recorder.spools(tmp_path)) <= 1_024 * KIB
    kept = recorder.spools(tmp_path)
    assert len(kept) > 20
    assert kept[-1][0] == pytest.approx(clock.now, abs=1)  # the oldest went


def test_several_processes_stay_within_the_size_together(tmp_path: Path) -> None:
    clock = Clock()
    spools = [make(tmp_path, clock) for _ in range(8)]
    for turn in range(400):
        clock.tick(0.1)
        take(spools[turn % 8], 9 * KIB)
        assert sum(path.stat().st_size for _, path in recorder.spools(tmp_path)) <= 1_024 * KIB


def test_nothing_is_kept_longer_than_agreed(tmp_path: Path) -> None:
    """Each batch is gone by its age, wherever in a file it stands."""
    clock = Clock()
    spool = make(tmp_path, clock, keep_s=8 * DAY_S)
    for _ in range(40):
        take(spool)
        clock.tick(DAY_S / 2)
    ages = [clock.now - opened for opened, _ in recorder.spools(tmp_path)]
    assert 7 * DAY_S <= max(ages) <= 8.5 * DAY_S
    assert len(ages) >= 7


def test_nobody_is_recorded_whom_nobody_could_ask(tmp_path: Path) -> None:
    """Without a consent hook there is no consent, whatever else went wrong before."""
    make(tmp_path, Clock()).take(envelope(), visit="visit", user="ada", consent=None)
    assert recorder.spools(tmp_path) == []


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.txt", "mine.spool", "1-2-3.spool"):
        (tmp_path / name).write_text("keep me")
    recorder.sweep(tmp_path, max_bytes=0, keep_s=0, now=4e9)
    take(make(tmp_path, Clock()))
    recorder.sweep(tmp_path, max_bytes=0, keep_s=0, now=4e9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-2-3.spool", "mine.spool", "notes.txt"]


def test_a_file_that_was_deleted_is_followed_by_another(tmp_path: Path) -> None:
    """What is written is never written to a file that nobody can find."""
    spool = make(tmp_path, Clock())
    take(spool)
    ((_, path),) = recorder.spools(tmp_path)
    path.unlink()
    take(spool)
    assert len(recorder.spools(tmp_path)) == 1


def _write_in_child(spool: Recorder) -> None:
    for _ in range(20):
        take(spool)


def test_forked_processes_write_files_of_their_own(tmp_path: Path) -> None:
    """As under a server that loads the app first and forks then; every line stays whole."""
    spool = make(tmp_path, Clock())
    take(spool)
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_write_in_child, args=(spool,)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    files = recorder.spools(tmp_path)
    assert len(files) == 3
    assert {int(path.name.split("-")[1]) for _, path in files} == {os.getpid(), *(c.pid for c in children)}
    counts = sorted(len(path.read_text().splitlines()) for _, path in files)
    assert counts == [1, 20, 20]
