"""Published data sets come out as ascending, clean recordings, quirks and all."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from flask_zerotrust.errors import ConfigError, RecordingError
from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings.files import Recording, read, write

from .made import made

SAPIMOUSE = """client timestamp,button,state,x,y
100,NoButton,Move,10,20
116,NoButton,Move,14,20
116,NoButton,Move,15,20
client timestamp,button,state,x,y
140,Left,Pressed,15,20
140,Left,Pressed,15,20
150,Left,Drag,18,21
160,Left,Released,18,21
"""

BALABIT = """record timestamp,client timestamp,button,state,x,y
0.0,0.0,NoButton,Move,374,232
0.1,0.016,NoButton,Move,380,240
0.1,0.030,NoButton,Move,65535,65535
0.2,0.050,Scroll,Down,0,0
0.2,0.060,Left,Pressed,380,240
0.3,0.070,Left,Released,380,240
"""


def sapimouse_folder(folder: Path, text: str = SAPIMOUSE) -> Path:
    """Lay out one session of one person."""
    (folder / "sapimouse" / "user7").mkdir(parents=True)
    (folder / "sapimouse" / "user7" / "session_1min.csv").write_text(text)
    return folder / "sapimouse"


def balabit_folder(folder: Path, **sessions: str) -> Path:
    """Lay out a data set; ``test_1`` is a test session and ``training_1`` a training one."""
    root = folder / "balabit"
    for name, text in sessions.items():
        stage, number = name.split("_")
        place = root / f"{stage}_files" / "user7"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"session_{number}").write_text(text)
    (root / "public_labels.csv").write_text("filename,is_illegal\nsession_1,1\nsession_2,0\n")
    return root


def test_sapimouse_headers_and_repeats_disappear(tmp_path: Path) -> None:
    """At one time the last move counts, and a press counts once."""
    (recording,) = datasets.sapimouse(sapimouse_folder(tmp_path))
    assert recording.type == "mmdmu"
    assert recording.t.tolist() == [100, 116, 140, 150, 160]
    assert recording.x.tolist() == [10, 15, 15, 18, 18]
    assert (recording.session, recording.user, recording.label) == ("sapimouse-7-1min", "7", "human")
    assert recording.viewport == (19, 22)


def test_an_archive_and_its_folder_are_the_same(tmp_path: Path) -> None:
    """Whatever the order in which it was packed."""
    folder = sapimouse_folder(tmp_path)
    (folder / "user7" / "session_3min.csv").write_text(SAPIMOUSE)
    archive = tmp_path / "s.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        for file in sorted(folder.rglob("*.csv"), reverse=True):
            tar.add(file, arcname=str(file.relative_to(tmp_path)))
    packed, plain = list(datasets.sapimouse(archive)), list(datasets.sapimouse(folder))
    assert (
        [r.session for r in packed]
        == [r.session for r in plain]
        == ["sapimouse-7-1min", "sapimouse-7-3min"]
    )
    np.testing.assert_array_equal(packed[0].x, plain[0].x)


def test_balabit_places_outside_the_screen_disappear(tmp_path: Path) -> None:
    """65535 is nowhere, and a wheel, which has no place, keeps the last one."""
    (recording,) = datasets.balabit(balabit_folder(tmp_path, training_9=BALABIT))
    assert recording.type == "mmwdu"
    np.testing.assert_allclose(recording.t, [0, 16, 50, 60, 70])
    assert recording.x.tolist() == [374, 380, 380, 380, 380]
    assert recording.y.tolist() == [232, 240, 240, 240, 240]


def test_balabit_labels_come_from_the_public_list(tmp_path: Path) -> None:
    """Illegal is an impostor at the claimed user's account; what was never published has no label."""
    root = balabit_folder(tmp_path, test_1=BALABIT, test_2=BALABIT, test_3=BALABIT, training_1=BALABIT)
    labels = {r.session: r.label for r in datasets.balabit(root)}
    assert labels == {
        "balabit-test-7-1": "impostor",
        "balabit-test-7-2": "human",
        "balabit-test-7-3": None,
        "balabit-training-7-1": "human",
    }


def test_a_clock_that_jumps_back_becomes_a_pause(tmp_path: Path) -> None:
    """Nothing after the jump is lost, and no stroke goes across it."""
    times = ("4294000.0", "4294000.1", "5.0", "5.2")
    text = "".join(f"0,{t},NoButton,Move,{x},1\n" for x, t in enumerate(times))
    (recording,) = datasets.balabit(balabit_folder(tmp_path, test_1=text))
    np.testing.assert_allclose(recording.t, [0, 100, 1_100, 1_300], atol=1e-3)


@pytest.mark.parametrize(
    "row",
    [
        "116,NoButton,Move,14",
        "116,NoButton,Fly,14,20",
        "x,NoButton,Move,14,20",
        "nan,NoButton,Move,1,2",
        "-1,NoButton,Move,14,20",
        "8.7e9,NoButton,Move,14,20",
    ],
)
def test_a_broken_row_is_named_or_left_out(tmp_path: Path, row: str) -> None:
    """With its file and line; left out when asked, with everything else kept."""
    folder = sapimouse_folder(tmp_path, SAPIMOUSE.replace("116,NoButton,Move,14,20", row))
    with pytest.raises(
        RecordingError, match=r"session_1min\.csv, line 3: must|session_1min\.csv, line 3: time"
    ):
        list(datasets.sapimouse(folder))
    told: list[RecordingError] = []
    (recording,) = datasets.sapimouse(folder, on_bad=told.append)
    assert (recording.type, len(told)) == ("mmdmu", 1)


@pytest.mark.parametrize("text", ["", SAPIMOUSE.partition("\n")[0]])
def test_a_file_without_events_is_no_visit(tmp_path: Path, text: str) -> None:
    """Empty, or a header alone: named, or left out when asked."""
    folder = sapimouse_folder(tmp_path, text)
    with pytest.raises(RecordingError, match=r"session_1min\.csv: holds no events"):
        list(datasets.sapimouse(folder))
    told: list[RecordingError] = []
    assert list(datasets.sapimouse(folder, on_bad=told.append)) == []
    assert len(told) == 1


def test_seconds_of_balabit_are_bounded_as_milliseconds(tmp_path: Path) -> None:
    """A recording holds a hundred days at most; what is written can be read again."""
    late = "0,8640001,NoButton,Move,1,1\n0,8640000,NoButton,Move,2,1\n"
    told: list[RecordingError] = []
    (recording,) = datasets.balabit(balabit_folder(tmp_path, training_1=late), on_bad=told.append)
    assert recording.t.tolist() == [8.64e9]
    assert [error.line for error in told] == [1]
    write(tmp_path / "back.jsonl", [recording])
    assert len(list(read(tmp_path / "back.jsonl"))) == 1


@pytest.mark.parametrize(
    "line", ["1 1,2,3;4,5,6; 1,2 7", "1 1,2,3;4,5,6; 1,2 -1", "1 1,2,-3;4,5,6; 1,2 1", "x 1,2,3; 1,2 1"]
)
def test_a_slider_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    """Also a label that is neither 0 nor 1, and a time before the page opened."""
    file = tmp_path / "slider.txt"
    file.write_text(line + "\n")
    with pytest.raises(RecordingError, match=r"slider\.txt, line 1: must be 'id x,y,t"):
        list(datasets.slider(file))


def test_a_slider_line_is_one_drag(tmp_path: Path) -> None:
    """Label 1 is human and 0 a bot; times are put in order."""
    file = tmp_path / "slider.txt"
    file.write_text(
        "1 353,2607,349;374,2620,388;367,2607,376; 1420.5,202 1\n3 1,2,3;4,5,6; 1,2 0\nbroken\n"
    )
    told: list[RecordingError] = []
    human, bot = datasets.slider(file, on_bad=told.append)
    assert (human.label, human.t.tolist(), human.x.tolist()) == ("human", [349, 376, 388], [353, 367, 374])
    assert (bot.label, bot.session, told[0].line) == ("bot", "slider-3", 3)


def test_what_cannot_be_opened_is_our_error(tmp_path: Path) -> None:
    """Missing, and packed wrongly."""
    (tmp_path / "broken.tar.xz").write_bytes(b"no archive")
    for reader, name in [
        (datasets.sapimouse, "broken.tar.xz"),
        (datasets.balabit, "none"),
        (datasets.slider, "none"),
    ]:
        with pytest.raises(RecordingError, match="cannot be read"):
            list(reader(tmp_path / name))


def test_kh2017_is_read_as_recordings(tmp_path: Path) -> None:
    """It comes in the project's format, and divides into those who calibrate and those who report."""
    visits = [made([1], user=user) for user in (datasets.KH2017_CALIBRATE[0], datasets.KH2017_REPORT[0])]
    write(tmp_path / "k.jsonl", visits)
    (report,) = datasets.part("kh2017", "report", datasets.kh2017(tmp_path / "k.jsonl"))
    assert report.user == datasets.KH2017_REPORT[0]


def test_a_part_that_does_not_exist_is_refused() -> None:
    """Naming those that do."""
    with pytest.raises(ConfigError, match="balabit has no part 'train'; it has all"):
        list(datasets.part("balabit", "train", []))


def test_the_people_held_out_are_those_of_the_seed(sapimouse_visits: tuple[Recording, ...]) -> None:
    """Seventy people of two visits; twenty drawn by the documented seed; nobody on both sides."""
    found = sapimouse_visits
    assert len(found) == 140
    users = sorted({int(r.user or "") for r in found})
    drawn = np.random.default_rng(20261122).permutation(users)[:20].tolist()
    assert tuple(map(str, drawn)) == datasets.SAPIMOUSE_HELD_OUT
    kept = {r.user for r in datasets.part("sapimouse", "train", found)}
    assert (len(kept), kept & set(datasets.SAPIMOUSE_HELD_OUT)) == (50, set())
    assert all((np.diff(r.t) >= 0).all() and len(r) > 100 for r in found)


def test_kh2017_divides_by_the_seed(shared_data: Path) -> None:
    """Fifteen and fifteen, by the documented seed."""
    users = sorted(int(r.user or "") for r in datasets.kh2017(shared_data / "kh2017-30people.jsonl.gz"))
    drawn = tuple(map(str, np.random.default_rng(20261122).permutation(users).tolist()))
    assert drawn == datasets.KH2017_CALIBRATE + datasets.KH2017_REPORT


def test_the_slider_set_has_its_counts(shared_data: Path) -> None:
    """1,300 people and 200 bots, as its description says."""
    labels = [r.label for r in datasets.slider(shared_data / "slider-captcha-1500.txt.gz")]
    assert (labels.count("human"), labels.count("bot")) == (1_300, 200)


def test_balabit_sessions_are_clean(shared_data: Path, tmp_path: Path) -> None:
    """The sessions of one person, the one with the broken clock among them."""
    wanted = "balabit-mouse-dynamics/test_files/user15/session_8"
    with tarfile.open(shared_data / "balabit-mouse-dynamics-7users.tar.xz") as tar:
        for member in tar:
            if member.name.startswith(wanted):
                tar.extract(member, tmp_path, filter="data")
    found = list(datasets.balabit(tmp_path))
    assert "balabit-test-15-8666287398" in {r.session for r in found}
    for recording in found:
        assert (np.diff(recording.t) >= 0).all()
        assert recording.t[-1] < 1e8  # a day; the broken clock says fifty
        assert max(recording.x.max(), recording.y.max()) < 65_535
