"""Recordings survive their files, and a broken line says where it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from flask_zerotrust.errors import RecordingError
from flask_zerotrust.recordings.files import Recording, dump, parse, read, write

from .made import made, recordings


@given(recordings(letters="mduwlekK"))
def test_a_recording_comes_back_from_its_line(recording: Recording) -> None:
    """To a thousandth of a millisecond and of a px, and every name as it was."""
    back = parse(dump(recording), file="f", number=1)
    for name in ("t", "x", "y"):
        np.testing.assert_allclose(getattr(back, name), getattr(recording, name), atol=5e-4)
    for name in ("session", "user", "label", "source", "pointer", "viewport", "type"):
        assert getattr(back, name) == getattr(recording, name)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_files_are_told_by_content_and_written_alike(tmp_path: Path, name: str) -> None:
    """Equal recordings make equal bytes; gzip is recognised under any name."""
    visits = [made([1, 2, 3]), made([5, 6], session="s2")]
    assert write(tmp_path / name, visits) == 2
    assert write(tmp_path / f"again-{name}", visits) == 2
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    renamed = (tmp_path / name).rename(tmp_path / "plain.txt")
    assert [visit.session for visit in read(renamed)] == ["s1", "s2"]


def test_keys_that_nobody_knows_are_ignored() -> None:
    """A file of a later version can still be read."""
    line = json.loads(dump(made([1, 2]))) | {"weather": "fine", "pressure": [1, 2]}
    assert len(parse(json.dumps(line), file="f", number=1)) == 2


def test_who_and_where_may_be_left_out() -> None:
    """A session and its events are enough."""
    line = {"session": "s", "viewport": [10, 20], "t": [1], "x": [2], "y": [3], "type": "m"}
    recording = parse(json.dumps(line), file="f", number=1)
    assert (recording.user, recording.label, recording.source, recording.pointer) == (
        None,
        None,
        "",
        "mouse",
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"t": [2, 1, 3]}, "'t' must be ascending; entry 1"),
        ({"t": [1, 2]}, "'t' must be a list as long as 'type' (3 events)"),
        ({"t": [1, 2, -3]}, "'t'"),
        ({"t": [-1, 2, 3]}, "'t' must stay between 0"),
        ({"x": [1, "2", 3]}, "'x' must hold numbers only"),
        ({"x": [1, True, 3]}, "'x' must hold numbers only"),
        ({"y": [1, 2, 1e9]}, "'y' must stay between"),
        ({"y": [1, 2, 10**400]}, "'y' must stay between"),
        ({"t": [1, 2, 10**400]}, "'t' must stay between"),
        ({"y": None}, "'y' must be a list"),
        ({"type": "mmz"}, "'type' must be a string of the letters"),
        ({"type": ["m", "m", "m"]}, "'type' must be a string"),
        ({"session": ""}, "'session' must be a string"),
        ({"session": 5}, "'session' must be a string"),
        ({"user": 5}, "'user' must be a string"),
        ({"label": "robot"}, '\'label\' must be one of "human", "bot", "impostor", null'),
        ({"label": ["bot"]}, "'label'"),
        ({"pointer": "foot"}, "'pointer' must be one of"),
        ({"viewport": [1280]}, "'viewport' must be [width, height]"),
        ({"viewport": None}, "'viewport'"),
        ({"viewport": [10**400, 720]}, "'viewport' must be [width, height]"),
        ({"viewport": [1280, "720"]}, "'viewport'"),
    ],
)
def test_a_field_that_is_wrong_is_named(change: dict[str, object], named: str) -> None:
    """The message says which field, and what it must be."""
    line = json.dumps(json.loads(dump(made([1, 2, 3]))) | change)
    with pytest.raises(RecordingError) as caught:
        parse(line, file="visits.jsonl", number=4)
    assert str(caught.value).startswith("visits.jsonl, line 4: ")
    assert named in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1]", "3", '"text"', "[" * 100_000, '{"t": [NaN]}', "\xff"])
def test_a_line_that_is_no_session_is_named(text: str) -> None:
    """Whatever the line holds, the error is ours."""
    with pytest.raises(RecordingError, match="f, line 9"):
        parse(text.encode("latin-1"), file="f", number=9)


def test_a_broken_line_stops_the_reading_where_it_stands(tmp_path: Path) -> None:
    """Empty lines are nothing, but they count."""
    file = tmp_path / "a.jsonl"
    file.write_text(dump(made([1])) + "\n\n{}\n" + dump(made([2])) + "\n")
    found = read(file)
    assert len(next(found)) == 1
    with pytest.raises(RecordingError, match=r"a\.jsonl, line 3: 'type'"):
        next(found)


def test_a_broken_line_can_be_left_out(tmp_path: Path) -> None:
    """It must not lose the rest, and somebody is told."""
    file = tmp_path / "a.jsonl"
    file.write_text("nonsense\n" + dump(made([2], session="kept")))
    told: list[RecordingError] = []
    assert [visit.session for visit in read([file], on_bad=told.append)] == ["kept"]
    assert [(error.file, error.line) for error in told] == [(str(file), 1)]


def test_a_gzip_file_cut_short_loses_only_its_end(tmp_path: Path) -> None:
    """What was read before the end is good; the end is an error."""
    lines = "".join(dump(made(list(range(i, i + 300)), session=str(i))) + "\n" for i in range(200))
    whole = gzip.compress(lines.encode())
    file = tmp_path / "cut.jsonl.gz"
    file.write_bytes(whole[: len(whole) // 2])
    told: list[RecordingError] = []
    kept = list(read(file, on_bad=told.append))
    assert 0 < len(kept) < 200
    assert "not a complete gzip file" in str(told[-1])


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    """Only recordings are taken from it."""
    for name in ("b.jsonl", "a.jsonl.gz"):
        write(tmp_path / name, [made([1], session=name)])
    (tmp_path / "notes.txt").write_text("not a recording")
    assert [visit.session for visit in read(tmp_path)] == ["a.jsonl.gz", "b.jsonl"]


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    """Neither a folder without recordings nor a missing file is an empty result."""
    with pytest.raises(RecordingError, match="holds no recordings"):
        list(read(tmp_path))
    with pytest.raises(RecordingError, match="cannot be read"):
        list(read(tmp_path / "missing.jsonl"))


def test_a_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """Half a file would look like a whole one."""

    def failing() -> Iterator[Recording]:
        yield made([1])
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="source broke"):
        write(tmp_path / "a.jsonl", failing())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RecordingError, match="cannot be written"):
        write(tmp_path / "no" / "folder.jsonl", [])
