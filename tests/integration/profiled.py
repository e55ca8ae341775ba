"""A site that learns how its users move, and people who are learnt."""

from __future__ import annotations

from typing import Any

from flask_zerotrust import identity
from flask_zerotrust.identity.profile_store import Profiles, Progress
from flask_zerotrust.movement.wire import encode_planes
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.web.recognition import identity as compared

from .sites import Site, Visitor, movement

#: Strokes of one batch of :func:`teach`, and the seconds that it covers.
EACH = 10


def agreeing(site: Site) -> Site:
    """Return the site, where everybody but bob agrees to be learnt."""
    site.zt.identity_consent(lambda user: user != "bob")
    return site


def profiles(site: Site) -> Profiles:
    found: Profiles = site.app.extensions["zerotrust"].profiles
    return found


def progress(site: Site, user: str = "ada") -> Progress:
    with site.app.app_context():
        return site.zt.profile(user)


def record(visitor: Visitor) -> Record:
    raw = visitor.site.app.extensions["zerotrust"].store.get("session:" + visitor.entry()["id"])
    return Record.load(raw)


def proven(site: Site, user: str = "ada") -> Visitor:
    """Return a visitor who has just passed a code."""
    return site.visitor().login(user).step_up("/admin")


def many(visitor: Visitor, strokes: int, **changes: Any) -> Visitor:
    """Move so many strokes, as fast as a hand can."""
    for first in range(0, strokes, EACH):
        batch = movement(min(EACH, strokes - first))
        visitor.site.clock.tick(EACH)
        planes = encode_planes(batch, t0_ms=0)
        answer = visitor.send(visitor.body(planes=planes, sent=batch.sent_ms, **changes))
        assert answer.status_code == 204, answer.text
    return visitor


def known(site: Site, user: str = "ada") -> Visitor:
    """Return a visitor who has just passed a code, and whose profile is ready."""
    visitor = many(proven(site, user), 60)
    assert progress(site, user).ready
    return visitor


class Says:
    """Says the same of every stroke that is compared, where a background would; like ``FixedScorer``."""

    def __init__(self, monkeypatch: Any, says: float = -1.0) -> None:
        self.says = says
        monkeypatch.setattr(compared, "compare", self._compare)

    def _compare(self, profile: Any, habits: Any, *, background: Any) -> Any:
        assert identity.ready(profile)
        return habits[:, 0] * 0.0 + self.says
