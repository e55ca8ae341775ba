"""Movement is recorded only of people who agree, under names that lead nowhere, as it was scored."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import ScriptInfo

from flask_zerotrust import ZeroTrust, simulate
from flask_zerotrust.cli import group
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.movement import wire
from flask_zerotrust.recordings import files as recordings
from flask_zerotrust.recordings import spool
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.training.evaluate import score_session
from tests.clock import START, Clock

from .sites import Site, Visitor, build_app, movement


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recorded"


@pytest.fixture
def site(make_site: Callable[..., Site], folder: Path) -> Site:
    """Return a site where everybody who is logged in agrees, but for bob."""
    site = make_site(ZEROTRUST_RECORD_DIR=str(folder))
    site.zt.record_consent(lambda user: user not in (None, "bob"))
    return site


def spooled(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("*.spool"))


def joined(folder: Path) -> list[recordings.Recording]:
    return list(spool.read(folder))


def command(site: Site, *words: str) -> Result:
    """Run a command as `flask zerotrust` does, which hands the app over."""
    return CliRunner().invoke(group, list(words), obj=ScriptInfo(create_app=lambda: site.app))


def send(visitor: Visitor, batch: wire.EventBatch) -> None:
    """Send one batch as the collector does, when the page's clock says so."""
    visitor.site.clock.now = START + batch.sent_ms / 1_000
    t0 = float(batch.t_ms[0])
    planes = wire.encode_planes(batch, t0_ms=t0)
    body = visitor.body(t0=t0, sent=batch.sent_ms, viewport=list(batch.viewport), planes=planes)
    assert visitor.send(body).status_code == 204


def test_those_who_agree_are_recorded_and_nobody_else(site: Site, folder: Path) -> None:
    stranger = site.visitor()
    stranger.open("/")
    stranger.move(2)
    site.visitor().login("bob").move(2)
    assert joined(folder) == []
    site.visitor().login("ada").move(2)
    (visit,) = joined(folder)
    assert visit.label is None
    assert len(visit) == 2 * 37


def test_nothing_is_recorded_unless_the_site_says_so(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    site = make_site()
    site.zt.record_consent(lambda user: True)
    site.visitor().login().move(2)
    assert site.app.extensions["zerotrust"].recorder is None


def test_without_a_consent_hook_the_app_fails(make_site: Callable[..., Site], folder: Path) -> None:
    site = make_site(ZEROTRUST_RECORD_DIR=str(folder))
    with pytest.raises(ConfigError, match=r"@zt\.record_consent"):
        site.visitor().open("/")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("said", [None, "yes", 1, False])
def test_only_true_is_consent(site: Site, folder: Path, said: object) -> None:
    site.zt.record_consent(lambda user: said)  # type: ignore[arg-type, return-value]
    site.visitor().login().move(1)
    assert spooled(folder) == ""


def test_a_consent_hook_that_fails_is_no_consent(site: Site, folder: Path, caplog: Any) -> None:
    def broken(user: str | None) -> bool:
        raise RuntimeError("no database")

    site.zt.record_consent(broken)
    site.visitor().login().move(1)
    assert spooled(folder) == ""
    assert "@zt.record_consent failed" in caplog.text


def test_names_are_digests(site: Site, folder: Path) -> None:
    """Neither the user nor any id of session or page is in the files; one person keeps one name."""
    grace = site.visitor().login("grace").move(1)  # "ada" is a digest's own word, now and then
    entry = grace.entry()
    site.visitor().login("grace").move(1)
    text = spooled(folder)
    assert text
    for secret in ("grace", entry["id"], entry["c"], entry["u"], grace.nonce):
        assert secret not in text
    first, second = joined(folder)
    assert first.session != second.session
    assert first.user is not None
    assert first.user == second.user


def test_files_are_the_owners_alone(site: Site, folder: Path) -> None:
    site.visitor().login().move(1)
    (file,) = folder.glob("*.spool")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_step_up_does_not_cut_a_visit_in_two(site: Site, folder: Path) -> None:
    ada = site.visitor().login().move(1)
    ada.step_up()
    ada.nonce = "another-page-of-hers-"
    ada.move(1)
    (visit,) = joined(folder)
    assert len(visit) == 2 * 37


def test_a_recording_scores_as_it_did_live(folder: Path, clock: Clock) -> None:
    """Sent batch by batch, recorded, joined, written, read and scored: strokes and risk are the same."""
    live = load_bundle()
    site = build_app(clock, live, ZEROTRUST_RECORD_DIR=str(folder))  # type: ignore[arg-type]
    site.zt.record_consent(lambda user: True)
    people = list(simulate.people(4, rng=np.random.default_rng(3), strokes=8))
    levels = []
    for person in people:
        visitor = site.visitor().login()
        for batch in batches(person):
            send(visitor, batch)
        record = site.app.extensions["zerotrust"].store.get("session:" + visitor.entry()["id"])
        seen = Record.load(record)
        levels.append((seen.strokes, risk.movement(seen.state, live.policy)))
    recordings.write(folder / "joined.jsonl.gz", joined(folder))
    again = list(recordings.read(folder / "joined.jsonl.gz"))
    assert len(again) == len(people)
    for recording, (strokes, log_odds), person in zip(again, levels, people, strict=True):
        said = score_session(recording, live)
        assert said["after"] == score_session(person, live)["after"]
        assert said["strokes"] == strokes > 0
        assert said["after"]["all"]["risk"] == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=2e-4)


def test_two_pages_follow_each_other(site: Site, folder: Path) -> None:
    """The second page's times go on from the first page's, at least a second later."""
    ada = site.visitor().login().move(1)
    site.clock.tick(20)
    ada.nonce = "another-page-of-hers-"
    ada.move(1)
    (visit,) = joined(folder)
    first, second = visit.t[:37], visit.t[37:]
    assert second[0] - first[0] == pytest.approx(20_000, abs=1)


def test_pages_side_by_side_do_not_make_one_stroke(site: Site, folder: Path) -> None:
    ada = site.visitor().login().move(1)
    ada.nonce = "another-page-of-hers-"
    ada.move(1)
    (visit,) = joined(folder)
    assert visit.t[37] - visit.t[36] == pytest.approx(1_000)
    assert (np.diff(visit.t) >= 0).all()


def test_an_hour_of_rest_ends_a_visit(site: Site, folder: Path) -> None:
    ada = site.visitor().login().move(1)
    site.clock.tick(3_700)
    ada.nonce = "another-page-of-hers-"
    ada.move(1)
    first, second = joined(folder)
    assert second.session == f"{first.session}-2"


def test_what_the_browser_did_not_vouch_for_is_left_out(site: Site, folder: Path) -> None:
    ada = site.visitor().login()
    planes = wire.encode_planes(movement(1, trusted=False), t0_ms=0)
    assert ada.send(ada.body(planes=planes)).status_code == 204
    assert spooled(folder)
    assert joined(folder) == []


def test_a_finger_makes_a_recording_of_its_own(site: Site, folder: Path) -> None:
    ada = site.visitor().login().move(1)
    planes = wire.encode_planes(movement(1, pointer=wire.TOUCH), t0_ms=0)
    assert ada.send(ada.body(planes=planes)).status_code == 204
    mouse, finger = joined(folder)
    assert (mouse.pointer, finger.pointer) == ("mouse", "touch")
    assert finger.session == f"{mouse.session}-touch"


def test_a_batch_that_is_refused_is_not_recorded(site: Site, folder: Path) -> None:
    ada = site.visitor().login()
    body = ada.body(1)
    assert [ada.send(body).status_code for _ in range(2)] == [204, 409]
    assert len(spooled(folder).splitlines()) == 1


def test_a_failing_disk_fails_no_request(site: Site, folder: Path, caplog: Any, monkeypatch: Any) -> None:
    """It is logged once, and recording stops; the movement counts all the same."""
    ada = site.visitor().login()

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        ada.move(3, says=-2.0)
    assert ada.level() == "low"
    assert caplog.text.count("recording stops") == 1
    ada.move(1)
    assert spooled(folder) == ""


def test_a_folder_that_cannot_be_written_is_refused(make_site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="ZEROTRUST_RECORD_DIR: nothing can be written"):
        make_site(ZEROTRUST_RECORD_DIR=str(tmp_path / "file" / "recorded"))


def test_the_static_folder_is_no_place_for_recordings(tmp_path: Path) -> None:
    app = Flask("site", static_folder=str(tmp_path / "static"))
    app.config.update(SECRET_KEY="k", TESTING=True, ZEROTRUST_STORE="memory://")
    app.config["ZEROTRUST_RECORD_DIR"] = str(tmp_path / "static" / "recorded")
    with pytest.raises(ConfigError, match="static folder"):
        ZeroTrust(app)


def test_off_records_nothing(make_site: Callable[..., Site], folder: Path) -> None:
    site = make_site(ZEROTRUST_MODE="off", ZEROTRUST_RECORD_DIR=str(folder))
    site.visitor().open("/")
    assert not folder.exists()


def test_the_command_joins_what_the_app_has_recorded(site: Site, folder: Path, tmp_path: Path) -> None:
    site.visitor().login().move(2)
    out = tmp_path / "visits.jsonl.gz"
    said = command(site, "recordings", "--source", "my-bank", "--out", str(out))
    assert said.exit_code == 0, said.output
    (visit,) = recordings.read(out)
    assert (visit.source, visit.label, len(visit)) == ("my-bank", None, 74)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_the_command_names_the_line_that_is_broken(site: Site, folder: Path) -> None:
    site.visitor().login().move(1)
    (file,) = folder.glob("*.spool")
    with file.open("ab") as stream:
        stream.write(b'{"v": 1, "vis')
    said = command(site, "recordings")
    assert (said.exit_code, ".spool, line 2" in said.output) == (2, True)
    said = command(site, "recordings", "--skip-bad")
    assert (said.exit_code, len(said.stdout.splitlines())) == (0, 1)


@pytest.mark.parametrize("change", ['"v":2', '"v":null', '"w":1'])
def test_a_line_of_another_version_is_not_guessed_at(site: Site, folder: Path, change: str) -> None:
    site.visitor().login().move(1)
    (file,) = folder.glob("*.spool")
    file.write_text(file.read_text().replace('"v":1', change))
    said = command(site, "recordings")
    assert (said.exit_code, ".spool, line 1: is no recorded batch" in said.stderr) == (2, True)


@pytest.mark.parametrize("number", ["NaN", "1e999", "1" + "0" * 400])
def test_a_time_that_is_no_number_is_named_too(site: Site, folder: Path, number: str) -> None:
    """As a hand that edits the file may leave it."""
    site.visitor().login().move(1)
    (file,) = folder.glob("*.spool")
    line = json.loads(file.read_text())
    for key in ("t0", "sent", "at"):
        file.write_text(json.dumps({**line, key: 0}).replace(f'"{key}": 0', f'"{key}": {number}') + "\n")
        said = command(site, "recordings")
        assert (said.exit_code, ".spool, line 1: " in said.stderr) == (2, True), (key, said.output)


def test_the_command_says_where_nothing_is_recorded(site: Site, folder: Path) -> None:
    said = command(site, "recordings")
    assert (said.exit_code, said.stdout) == (0, "")
    assert said.stderr == f"Nothing is recorded in {folder}.\n"


def test_without_an_app_the_folder_is_enough(site: Site, folder: Path) -> None:
    site.visitor().login().move(1)
    said = CliRunner().invoke(group, ["recordings", str(folder)])
    assert (said.exit_code, len(said.stdout.splitlines())) == (0, 1)
    said = CliRunner().invoke(group, ["recordings"])
    assert (said.exit_code, "Name the folder" in said.output) == (2, True)
