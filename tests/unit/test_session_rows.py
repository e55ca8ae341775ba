"""A session's row is read whole, or refused with a StoreError if a member is of another kind."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from flask_zerotrust.errors import StoreError
from flask_zerotrust.identity.evidence import Identity
from flask_zerotrust.movement import Integrity, Manner, session_features
from flask_zerotrust.replay.evidence import Hit, Replayed
from flask_zerotrust.risk.level import RiskState
from flask_zerotrust.sessions.record import Grant, Proof, Record

FULL = Record(
    version=3,
    user="ada",
    state=RiskState(
        log_odds=1.5,
        weight=2.0,
        at=5.0,
        recent=(0.5, 1.0),
        worst=0.25,
        manner=Manner((1.0,) * session_features.WIDTH, 0.25),
        browser=Integrity(wheel=0.9, released_ms=1.0, held_ms=2.0),
        replay=Replayed(2.0, (Hit(2**62, 2.0, 0.5),)),
        identity=Identity(log_odds=1.0, strokes=3.0),
    ),
    strokes=2,
    grant=Grant("ada", 4.0, "totp"),
    proof=Proof("ada", 4.5, "b1", remembered=True),
    thread="t",
    epoch="e",
)
ROW = json.loads(FULL.dump())


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every member without members."""
    members = list(value.items()) if isinstance(value, dict) else []
    members += enumerate(value) if isinstance(value, list) else []
    for name, member in members:
        yield from places(member, (*path, name))
    if not members:
        yield path


def changed(path: tuple[Any, ...], value: Any) -> bytes:
    row = json.loads(FULL.dump())
    here = row
    for name in path[:-1]:
        here = here[name]
    here[path[-1]] = value
    return json.dumps(row).encode()


def at(path: tuple[Any, ...]) -> Any:
    value = ROW
    for name in path:
        value = value[name]
    return value


def test_a_whole_row_is_read():
    assert Record.load(FULL.dump()) == FULL


@pytest.mark.parametrize("path", list(places(ROW)), ids=str)
def test_a_member_of_another_kind_is_refused(path):
    kinds = {"text": "x", "number": 5.0, "truth": True, "table": {}, "list": ["x"], "huge": 1e300}
    own = {str: "text", bool: "truth", int: "number", float: "number"}[type(at(path))]
    for kind, value in kinds.items():
        if kind != own:
            with pytest.raises(StoreError):
                Record.load(changed(path, value))


@pytest.mark.parametrize(
    "path", [("s", "movement", 4), ("s", "browser"), ("s", "identity"), ("g",), ("p",), ("t",)]
)
@pytest.mark.parametrize("more", [1, -1])
def test_a_list_of_another_length_is_refused(path, more):
    with pytest.raises(StoreError):
        Record.load(changed(path, at(path)[:-1] if more < 0 else [*at(path), 0.0]))


def test_the_row_holds_every_member():
    """So that none is left out of the test above."""
    assert len(list(places(ROW))) > 50
    assert not math.isinf(FULL.state.worst)
