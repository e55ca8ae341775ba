"""Attackers without a browser of their own: scripts, and copied cookies, on a site with a clock to move.

Each attempt is on an account of its own, whose owner has a known browser. The attacker has the password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from flask_zerotrust.config import Settings
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.web.visit import MARK_COOKIE
from tests.clock import Clock
from tests.integration.known import Key, again, form_proof, remembered
from tests.integration.recorded import envelope, live
from tests.integration.sites import Site, Visitor, build_app

#: The rule that ships.
DEFAULT = Settings().new_browser
MOVEMENT = "movement"
#: How long a proof counts, in seconds.
GRANT_S = Settings().grant_s
#: Ages of the last proof at which a copied cookie is tried too late, in seconds.
TOO_LATE_S = (GRANT_S + 1, GRANT_S + 60, 2 * GRANT_S, 3_600.0)
_MARK_PATH = "/zerotrust"

#: Moves the pointer for an attacker.
Mover = Callable[[Visitor, Recording], None]


@cache
def _model() -> Any:
    return load_bundle()


def victims(rule: str, **config: Any) -> Site:
    """Return a site under a rule for new browsers, with the model that ships."""
    return build_app(Clock(), _model(), ZEROTRUST_NEW_BROWSER=rule, ZEROTRUST_EXPOSE_RISK=True, **config)


def owners(site: Site) -> Iterator[tuple[str, Visitor, Key]]:
    """Yield accounts without end, each with its owner in a browser that was remembered."""
    number = 0
    while True:
        name, key, number = f"victim-{number}", Key(), number + 1
        yield name, again(remembered(site.visitor().login(name), key), name), key


def opened(thief: Visitor, **fields: Any) -> list[str]:
    """Return which guarded views run for the thief: a form that is sent, and a page that is opened."""
    answers = [
        ("/transfer", thief.submit("/transfer", {"to": "mallory", **fields})),
        ("/secret", thief.open("/secret")),
    ]
    for _, answer in answers:
        assert answer.status_code in (200, 303, 401), answer.text
    return [path for path, answer in answers if answer.status_code == 200]


# Movement


def at_once(thief: Visitor, recording: Recording) -> None:
    """Post a recording in a session that is less than a second old."""
    token = thief.token()
    for batch in batches(recording):
        assert thief.send(envelope(thief, token, batch)).status_code == 204


def in_time(thief: Visitor, recording: Recording) -> None:
    """Post a recording at its own times."""
    live(thief, recording)


def scripts(rule: str, movement: Iterable[Recording], move: Mover, **config: Any) -> Iterator[bool]:
    """Log in by script, post movement, and yield for each account whether a guarded view ran."""
    site = victims(rule, **config)
    for recording, (name, _, _) in zip(movement, owners(site), strict=False):
        thief = site.visitor().login(name)
        move(thief, recording)
        yield bool(opened(thief))


def three_requests(rule: str, movement: Iterable[Recording]) -> Iterator[bool]:
    """Log in, fetch a token, and send the form with the movement in a field of its own."""
    site = victims(rule)
    for recording, (name, _, _) in zip(movement, owners(site), strict=False):
        thief = site.visitor()
        assert thief.submit("/login", {"username": name}).status_code == 200
        token = thief.token()
        bodies = [envelope(thief, token, batch) for batch in batches(recording)]
        yield bool(opened(thief, zerotrust_batch=_that_fit(bodies)))


def _that_fit(bodies: list[str]) -> list[str]:
    """Return the first batches that one form may bring."""
    sizes = np.cumsum([len(body) for body in bodies])
    return [body for body, size in zip(bodies[:4], sizes, strict=False) if size <= 16_384]


def filtered(movement: Iterable[Recording]) -> list[Recording]:
    """Return what opens a view on a site of the attacker's own, by risk, lowest first.

    The model is public, so an attacker tries movement at home first.
    """
    home, found = victims(MOVEMENT), []
    for number, recording in enumerate(movement):
        visitor = home.visitor().login(f"me-{number}")
        at_once(visitor, recording)
        if opened(visitor):
            found.append((visitor.fetch("/level").json["value"], number, recording))
    return [recording for _, _, recording in sorted(found, key=lambda one: one[:2])]


# Cookies


def planted(rule: str, movement: Iterable[Recording]) -> Iterator[bool]:
    """Plant the thief's live cookie in the owner's known browser, and let its owner move and prove."""
    site = victims(rule)
    for recording, (name, owner, key) in zip(movement, owners(site), strict=False):
        thief = site.visitor().login(name)
        owner.put_back(thief.cookie())
        in_time(owner, recording)
        _prove(owner, key)
        yield bool(opened(thief))


def anonymous(rule: str, movement: Iterable[Recording]) -> Iterator[bool]:
    """Copy the cookie of the known browser before its owner logs in; log in with it afterwards."""
    site = victims(rule)
    for recording, (name, owner, key) in zip(movement, owners(site), strict=False):
        owner.submit("/logout", {})
        owner.open("/")
        thief = site.visitor().put_back(owner.cookie())
        _prove(owner.login(name), key)
        seen = opened(thief)
        in_time(thief.login(name), recording)
        yield bool(seen or opened(thief))


def copied_too_late(rule: str, movement: Iterable[Recording]) -> Iterator[bool]:
    """Copy a cookie right after a proof, and use it when the proof is older than a grant may be."""
    site = victims(rule)
    for number, (recording, account) in enumerate(zip(movement, owners(site), strict=False)):
        thief, proven = _copy(site, account)
        in_time(thief, recording)
        site.clock.now = max(site.clock.now, proven + TOO_LATE_S[number % len(TOO_LATE_S)])
        yield bool(opened(thief))


def copied_in_time(rule: str, ages_s: Iterable[float]) -> Iterator[bool]:
    """Copy a cookie right after a proof, and use it while the proof is so old; always views stay shut."""
    site = victims(rule)
    for age_s, account in zip(ages_s, owners(site), strict=False):
        thief, _ = _copy(site, account)
        site.clock.tick(age_s)
        assert thief.asked("/admin")
        yield bool(opened(thief))


def copied_jar(rule: str, movement: Iterable[Recording]) -> Iterator[bool]:
    """Copy all cookies of the known browser while its session is not proven, but not its key."""
    site = victims(rule)
    for recording, (_, owner, _) in zip(movement, owners(site), strict=False):
        thief = site.visitor().put_back(owner.cookie())
        mark = owner.client.get_cookie(MARK_COOKIE, path=_MARK_PATH)
        assert mark is not None
        thief.client.set_cookie(MARK_COOKIE, mark.value, path=_MARK_PATH)
        in_time(thief, recording)
        yield bool(opened(thief))


def _copy(site: Site, account: tuple[str, Visitor, Key]) -> tuple[Visitor, float]:
    """Let the owner prove, and return a thief with a copy of the cookie, and when that was."""
    _, owner, key = account
    _prove(owner, key)
    return site.visitor().put_back(owner.cookie()), site.clock.now


def _prove(owner: Visitor, key: Key) -> None:
    """Send a form with a proof, as the collector of a known browser does."""
    answer = owner.submit("/transfer", {"to": "grace", **form_proof(owner, key)})
    assert answer.status_code == 200, answer.text
