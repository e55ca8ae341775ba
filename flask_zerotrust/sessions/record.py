"""Rows of sessions and users in the store, which no client can rewind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import repeat
from typing import Any, TypeVar

from flask_zerotrust.config import CLOCK_SLACK_S
from flask_zerotrust.risk.batch import Outcome
from flask_zerotrust.risk.level import RiskState
from flask_zerotrust.risk.timeline import Timeline
from flask_zerotrust.stores.base import reading

# Made once: json.dumps would make one a record.
_JSON = json.JSONEncoder(separators=(",", ":"))


# Records that a process need not read again, some 3 kB each: a session's stays the same from one page to
# the next unless the hand moves.
_KNOWN = 256


@dataclass(frozen=True, slots=True)
class Grant:
    """A step-up that was passed.

    Attributes
    ----------
    user : str
    at : float
        Wall-clock seconds.
    factor_id : str
    lone_code : bool
        One recovery code alone was used. It opens views, and changes no factors.
    seen_age_s : float
        Age at which it last opened nothing. It is never younger again, also if the clock is set back.
    """

    user: str
    at: float
    factor_id: str
    lone_code: bool = False
    seen_age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Proof:
    """A browser that proved by its key which browser it is.

    Attributes
    ----------
    user : str
    at : float
        Wall-clock seconds.
    browser : str
        Id of the browser in the user's list.
    remembered : bool
        The browser is remembered past the logout.
    seen_age_s : float
        Age at which it last opened nothing.
    """

    user: str
    at: float
    browser: str
    remembered: bool
    seen_age_s: float = 0.0


_Event = TypeVar("_Event", Grant, Proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The store's record of one session. Every change makes ``version`` one higher.

    ``suspect`` says that the session was elevated or high at least once since its last step-up,
    ``noted`` how much of that the user's ledger knows (0 nothing, 1 suspect, 2 latched). ``gone``
    marks the tombstone of an id that was rotated away. ``proof`` is the newest proof by the browser's key,
    ``proven`` says that a factor was passed or a browser proven since the login. ``answered`` is the newest
    latch of the user when the session began or last passed a factor: a newer one latches it. ``thread`` is
    that of the session, ``begun_at`` says when it began, and ``epoch`` is the one in which grant and proof
    count.
    """

    version: int = 0
    user: str | None = None
    state: RiskState = field(default_factory=RiskState)
    strokes: int = 0
    latched: bool = False
    suspect: bool = False
    noted: int = 0
    grant: Grant | None = None
    timeline: Timeline = Timeline()
    gone: bool = False
    proof: Proof | None = None
    proven: bool = False
    answered: str = ""
    thread: str = ""
    begun_at: float = 0.0
    epoch: str = ""

    def moved(self, outcome: Outcome) -> Record:
        """Return the record with a batch of movement in it."""
        result, against = outcome.result, outcome.against
        return replace(
            self,
            state=result.state,
            timeline=outcome.timeline,
            strokes=self.strokes + len(result.strokes),
            latched=self.latched or result.level == "high",
            suspect=self.suspect or result.level in ("elevated", "high"),
            # A code that was passed before another person, or a recording, began answers nothing.
            grant=None if against else self.grant,
            proof=None if against else self.proof,
        )

    def aged(self, *, now: float) -> Record:
        """Return the record with the ages of its grant and proof. One of the future is dropped."""
        return replace(self, grant=_aged(self.grant, now), proof=_aged(self.proof, now))

    def dump(self) -> bytes:
        """Return the bytes that :meth:`load` reads."""
        given, proven = self.grant, self.proof
        grant = given and [given.user, given.at, given.factor_id, given.lone_code, given.seen_age_s]
        proof = proven and [proven.user, proven.at, proven.browser, proven.remembered, proven.seen_age_s]
        row = {
            "v": self.version,
            "u": self.user,
            "s": self.state.to_json(),
            "n": self.strokes,
            "l": self.latched,
            "b": self.suspect,
            "k": self.noted,
            "g": grant,
            "t": self.timeline.to_json(),
            "x": self.gone,
            "p": proof,
            "y": self.proven,
            "a": self.answered,
            "c": self.thread,
            "i": self.begun_at,
            "e": self.epoch,
        }
        return _JSON.encode(row).encode()

    @classmethod
    @lru_cache(_KNOWN)
    def load(cls, raw: bytes) -> Record:
        """Read the output of :meth:`dump`. Records never change, so they are cached.

        Raises
        ------
        StoreError
            For anything else: a protected view must not open because a record cannot be read.
        """
        with reading("session:"):
            row = _like(json.loads(raw), _MODEL)
            _like_or_none(row["u"], "")
            return cls(
                version=row["v"],
                user=row["u"],
                state=_state(row["s"]),
                strokes=row["n"],
                latched=row["l"],
                suspect=row["b"],
                noted=row["k"],
                grant=Grant(*_like(row["g"], _GRANT)) if row["g"] else None,
                timeline=Timeline(*row["t"]),
                gone=row["x"],
                proof=Proof(*_like(row["p"], _PROOF)) if row["p"] else None,
                proven=row["y"],
                answered=row["a"],
                thread=row["c"],
                begun_at=row["i"],
                epoch=row["e"],
            )

    def grant_age_s(self, *, user: str, now: float) -> float | None:
        """Return the age of this user's grant, or None without one that counts."""
        return _age_s(self.grant, user, now)

    def proof_age_s(self, *, user: str, now: float) -> float | None:
        """Return the age of this user's proof, or None without one that counts."""
        return _age_s(self.proof, user, now)

    def trusted_in(self, epoch: str) -> Record:
        """Return the record without the grant and the proof of another epoch."""
        if self.epoch == epoch:
            return self
        return replace(self, grant=None, proof=None, proven=False, epoch=epoch)

    @property
    def seen_at(self) -> float:
        """When the session last did something that is kept: it began, moved, passed a factor or proved."""
        events = [event.at for event in (self.grant, self.proof) if event is not None]
        return max(self.begun_at, self.state.at, *events)

    @property
    def keyless(self) -> bool:
        """Whether the grant was given to a browser that could make no key."""
        return self.grant is not None and self.proof is None


def _age_s(event: Grant | Proof | None, user: str, now: float) -> float | None:
    if event is None or event.user != user or event.at > now + CLOCK_SLACK_S:
        return None
    return max(event.seen_age_s, now - event.at)


def _aged(event: _Event | None, now: float) -> _Event | None:
    age_s = None if event is None else _age_s(event, event.user, now)
    return None if event is None or age_s is None else replace(event, seen_age_s=age_s)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The row of one user that is held against all their sessions.

    Attributes
    ----------
    latched : bool
        New sessions begin latched, because no factor was passed since the latch.
    latch : str
        Id of the newest latch. Sessions that began before it, and have passed no factor since, are latched.
    struck : tuple of str
        Ids of sessions that went bad since then.
    """

    latched: bool = False
    latch: str = ""
    struck: tuple[str, ...] = ()

    @property
    def strikes(self) -> int:
        """How many sessions went bad."""
        return len(self.struck)

    def reaches(self, record: Record) -> bool:
        """Return whether a latch by another session latches this record."""
        return self.latch not in ("", record.answered)

    def dump(self) -> bytes:
        """Return the bytes that :meth:`load` reads."""
        return _JSON.encode([self.latched, self.latch, self.struck]).encode()

    @classmethod
    def load(cls, raw: bytes | None) -> Ledger:
        """Read the output of :meth:`dump`. None stands for an empty one.

        Raises
        ------
        StoreError
            For anything else: a latch must not be taken for none.
        """
        if raw is None:
            return cls()
        with reading("ledger:"):
            latched, latch, struck = _like(json.loads(raw), [False, "", None])
            return cls(latched, latch, tuple(str(session_id) for session_id in struck))


# The form of this version's rows. None stands for a member that is checked apart.
_MODEL: Any = json.loads(Record().dump())
# Of the evidence in it, each kind that is there.
_EVIDENCE: Any = {
    "movement": [0.0, 0.0, None, [], []],
    "browser": [0.0, 0.0, 0.0, 0.0, None, None],
    "replay": [0.0, None],
    "identity": [0.0, 0.0],
}
# The number of a visit is a digest, and may be larger than _MOST.
_HIT: Any = [None, 0.0, 0.0, 0]
_GRANT: Any = ["", 0.0, "", False, 0.0]
_PROOF: Any = ["", 0.0, "", False, 0.0]
# No number of a record is larger: seconds of the wall clock are the largest.
_MOST = 1e12


def _state(row: dict[str, Any]) -> RiskState:
    for name, model in _EVIDENCE.items():
        if name in row:
            _like(row[name], model)
    if "movement" in row:
        _like_or_none(row["movement"][2], 0.0)
    for moment in row.get("browser", ())[4:]:
        _like_or_none(moment, 0.0)
    for hit in row.get("replay", (0.0, ()))[1]:
        _like(hit, _HIT)
        if type(hit[0]) is not int:
            raise TypeError("the number of a visit is an integer")
    return RiskState.from_json(row)


def _like_or_none(value: Any, model: Any) -> None:
    if value is not None:
        _like(value, model)


def _like(value: Any, model: Any) -> Any:
    """Return a row from JSON, or raise TypeError if a member is of another kind than the model's."""
    if isinstance(model, dict):
        fits = isinstance(value, dict) and all(_like(value[key], model[key]) is value[key] for key in model)
    elif isinstance(model, list):
        # An empty list stands for any number of numbers.
        fits = isinstance(value, list) and len(model) in (0, len(value))
        for member, like in zip(value, model or repeat(0.0), strict=False) if fits else ():
            _like(member, like)
    elif isinstance(model, bool | str):
        fits = isinstance(value, type(model))
    elif isinstance(model, int | float):
        fits = type(value) in (int, float) and -_MOST < value < _MOST
    else:
        fits = True
    if not fits:
        raise TypeError("a member of a row is of another kind than this version writes")
    return value
