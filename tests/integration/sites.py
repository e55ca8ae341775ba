"""A small app with logins and protected views, a clock that tests set, and movement on demand."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import pyotp
import pytest
from flask import Flask, render_template_string, request
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, login_user, logout_user

from flask_zerotrust import Factor, Store, ZeroTrust, current_risk, step_up_required
from flask_zerotrust.challenge import Challenges
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.identity.profile_store import Profiles
from flask_zerotrust.movement import wire
from flask_zerotrust.replay.memory import ReplayMemory
from flask_zerotrust.risk import level as risk
from flask_zerotrust.sessions.browsers import Browsers
from flask_zerotrust.sessions.sessions import Sessions
from flask_zerotrust.web.pairing import PAIR_COOKIE
from flask_zerotrust.web.renewal import RENEWED_COOKIE
from tests.clock import Clock
from tests.forms import form_to, form_with

#: Flask itself reads sessions signed with an older key from 3.1 on.
reads_older_sessions = pytest.mark.skipif(
    version("flask") < "3.1", reason="SECRET_KEY_FALLBACKS for Flask's own session needs Flask 3.1"
)

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NUMBER = "+447700900123"
ADDRESS = "mia@post.example"


# Pinned, so that refitting the model that ships moves no test: a stroke that says x adds 0.4 x; three
# strokes make a session known, risk 0.5 elevated and 0.9 high.
POLICY = risk.Policy(
    prior_log_odds=0.0,
    drift=0.0,
    temper=0.4,
    min_strokes=3,
    elevated_at=0.5,
    early_at=0.9,
    unclear_at=0.9,
    high_at=0.9,
)


@dataclass
class FixedScorer:
    """Says the same of every stroke; a stand-in at the Scorer seam, so that policy can be tested."""

    says: float = -2.0
    policy: risk.Policy = POLICY

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        return np.full(len(features), self.says)

    def together(self, sums: np.ndarray) -> np.ndarray:
        return self.policy.temper * sums[:, 1]


class User(UserMixin):
    def __init__(self, name: str) -> None:
        self.id = name


@dataclass
class Site:
    """An app under test with the parts that tests reach for."""

    app: Flask
    zt: ZeroTrust
    clock: Clock
    scorer: FixedScorer

    def visitor(self) -> Visitor:
        return Visitor(self, self.app.test_client())

    def rekeyed(self, key: str, *, fallbacks: list[str]) -> Site:
        """Return the same site over the same store, restarted with another SECRET_KEY."""
        store = self.app.extensions["zerotrust"].store
        return build_app(self.clock, self.scorer, store, SECRET_KEY=key, SECRET_KEY_FALLBACKS=fallbacks)


class Cookies(str):
    """A session cookie, and the pair cookie that a browser sends with it."""

    def __new__(cls, session: str, *, pair: str | None) -> Cookies:
        made = super().__new__(cls, session)
        made.pair = pair
        return made

    pair: str | None

    @property
    def header(self) -> str:
        """Both as a request's header has them."""
        return f"session={self}" + (f"; {PAIR_COOKIE}={self.pair}" if self.pair else "")


def copied(client: FlaskClient, domain: str = "localhost") -> Cookies:
    """Return the session cookie of a client with the one that it counts with."""
    found, pair = (client.get_cookie(name, domain) for name in ("session", PAIR_COOKIE))
    assert found is not None
    return Cookies(found.value, pair=pair.value if pair is not None else None)


def give(client: FlaskClient, cookie: str) -> None:
    """Put a copied session cookie into a client, with its pair if that was copied too.

    The cookie that leads a former session on is not among what was copied before.
    """
    client.delete_cookie(RENEWED_COOKIE)
    client.set_cookie("session", str(cookie))
    if isinstance(cookie, Cookies) and cookie.pair is not None:
        client.set_cookie(PAIR_COOKIE, cookie.pair)


@dataclass
class Visitor:
    """One browser: a cookie jar, the headers a browser sends, and a hand on the mouse."""

    site: Site
    client: FlaskClient
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    seq: int = 0

    def open(self, path: str, **kwargs: Any) -> Any:
        """Navigate, as typing an address or following a link does."""
        headers = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html", **kwargs.pop("headers", {})}
        return self.client.get(self._inside(path), headers=headers, **kwargs)

    def submit(self, path: str, data: dict[str, Any], **kwargs: Any) -> Any:
        """Submit a form of this site."""
        headers = {
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "same-origin",
            "Accept": "text/html",
            **kwargs.pop("headers", {}),
        }
        return self.client.post(self._inside(path), data=data, headers=headers, **kwargs)

    def _inside(self, path: str) -> str:
        """Return a path as the app sees it, without what the test client puts in front."""
        return path.removeprefix(self.site.app.config["APPLICATION_ROOT"].rstrip("/"))

    def fetch(self, path: str, method: str = "GET", **kwargs: Any) -> Any:
        """Call as a page's own script does."""
        headers = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", **kwargs.pop("headers", {})}
        return self.client.open(self._inside(path), method=method, headers=headers, **kwargs)

    def login(self, name: str = "ada") -> Visitor:
        assert self.submit("/login", {"username": name}).status_code == 200
        self.open("/")
        return self

    def token(self) -> str:
        answer = self.fetch(f"/zerotrust/token?page={self.nonce}")
        assert answer.status_code == 200, answer.text
        return str(answer.json["token"])

    def body(self, strokes: int = 1, *, token: str | None = None, **changes: Any) -> str:
        """Return a batch with so many strokes, under the next sequence number."""
        batch = movement(strokes)
        data = {
            "v": 1,
            "token": token or self.token(),
            "nonce": self.nonce,
            "seq": self.seq,
            "t0": 0,
            "sent": float(batch.t_ms[-1]) + 50,
            "viewport": [1280, 720],
            "planes": wire.encode_planes(batch, t0_ms=0),
        }
        self.seq += 1
        return json.dumps({**data, **changes})

    def send(self, body: str) -> Any:
        return self.fetch("/zerotrust/events", "POST", data=body, content_type="application/json")

    def move(self, strokes: int = 1, says: float | None = None) -> Visitor:
        """Move the mouse: so many strokes, each of which the scorer rates as it ``says``."""
        if says is not None:
            self.site.scorer.says = says
        for _ in range(strokes):
            answer = self.send(self.body(1))
            assert answer.status_code == 204, answer.text
        return self

    def code(self) -> str:
        """Return the code that the authenticator app shows now."""
        return totp(self.site.clock.now)

    def answer(self, url: str, code: str | None = None, **fields: str) -> Any:
        """Open a challenge page and submit a code there."""
        return self.fill(self.open(url).text, "code", self.code() if code is None else code, **fields)

    def fill(self, html: str, name: str, value: str, **fields: str) -> Any:
        """Submit the one form of a page that has this field, with this value in it."""
        form = form_with(html, name)
        return self.submit(form.action, {**form.fields, name: value, **fields})

    def press_send(self, url: str, **fields: str) -> Any:
        """Open a challenge page and have the code sent."""
        form = form_to(self.open(url).text, "/send")
        return self.submit(form.action, {**form.fields, **fields})

    def step_up(self, path: str = "/secret") -> Visitor:
        """Ask for a protected page and pass its challenge, with a code not used before."""
        self.site.clock.tick(30)
        asked = self.open(path)
        assert asked.status_code == 303, asked.text
        answered = self.answer(asked.location)
        assert answered.status_code == 303, answered.text
        return self

    def asked(self, path: str = "/secret") -> bool:
        """Say whether a protected page asks for a code (True) or runs (False)."""
        answer = self.open(path)
        assert answer.status_code in (200, 303), answer.text
        return bool(answer.status_code == 303 and "/zerotrust/challenge/" in answer.location)

    def level(self) -> str:
        """Return the level that the app sees, asked by a page's own script."""
        return str(self.fetch("/level").json["level"])

    def entry(self) -> dict[str, Any]:
        """Return what the signed session holds under the extension's key."""
        with self.client.session_transaction() as session:
            return dict(session["_zerotrust"])

    def cookie(self) -> Cookies:
        """Return the session cookie with the one that it counts with, to be put back later."""
        return copied(self.client)

    def put_back(self, cookie: str) -> Visitor:
        """Put a copied cookie into this browser: a plain text is the session's without its pair."""
        give(self.client, cookie)
        return self


def enrolled_eve(site: Site, *, mail: str | None = None) -> Visitor:
    """Return Eve, who has enrolled an app and a number here, besides nothing of the site's own."""
    site.zt.factors_loader(lambda user: [])
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.add_totp("eve", SECRET)
    enrolled.add_sms("eve", NUMBER)
    if mail is not None:
        enrolled.add_email("eve", mail)
    return site.visitor().login("eve").step_up("/admin")


def kinds(site: Site, user: str) -> list[str]:
    """Return what kinds of factors a user has."""
    with site.app.test_request_context():
        return [factor.kind for factor in site.app.extensions["zerotrust"].factors.of(user)]


def totp(now: float, secret: str = SECRET) -> str:
    return pyotp.TOTP(secret).at(int(now))


def movement(strokes: int = 1, *, pointer: int = wire.MOUSE, trusted: bool = True) -> wire.EventBatch:
    """Return so many curved strokes of 0.6 s at 60 Hz with 0.4 s between them."""
    u = np.linspace(0, 1, 37)
    ease = u**3 * (10 - 15 * u + 6 * u * u)
    t, x, y = [], [], []
    for i in range(strokes):
        side = 1 if i % 2 == 0 else -1
        t.append(100 + i * 1_000 + u * 600)
        x.append(600 + side * (ease - 0.5) * 500)
        y.append(300 + 60 * np.sin(np.pi * u) + side * (ease - 0.5) * 120)
    n = strokes * u.size
    return wire.EventBatch(
        t_ms=np.concatenate(t).round(1),
        x=np.concatenate(x).round(),
        y=np.concatenate(y).round(),
        kind=np.full(n, wire.MOVE, np.uint8),
        pointer=np.full(n, pointer, np.uint8),
        trusted=np.full(n, trusted),
        pressure=np.zeros(n, bool),
        lag_ms=np.zeros(n),
        wheel_x=np.zeros(n),
        wheel_y=np.zeros(n),
        viewport=(1280, 720),
        sent_ms=strokes * 1_000.0,
    )


def use_store(app: Flask, store: Store) -> None:
    """Put another store under an app that has just been set up."""
    guard = app.extensions["zerotrust"]
    guard.store = store
    guard.sessions = Sessions(store, guard.keys, guard.settings)
    guard.challenges = Challenges(store, guard.keys, guard.settings, totp=TotpFactor)
    guard.enrolled = Enrolled(store, guard.keys, clock=guard.clock)
    guard.browsers = Browsers(store, guard.keys, guard.settings)
    if guard.replays is not None:
        guard.replays = ReplayMemory(
            store, capacity=guard.settings.replay_memory, keep_s=guard.settings.replay_days * 86_400
        )
    guard.profiles = Profiles(store, guard.keys, keep_s=guard.settings.profile_days * 86_400.0)


PAGE = "<!doctype html><title>t</title>{{ zerotrust_script() }}<p>{{ current_risk.level }}"


def build_app(clock: Clock, scorer: FixedScorer, store: Store | None = None, **config: Any) -> Site:
    """Return a site whose user ada has an authenticator app, sue a phone, tess both, mia mail, bob none."""
    app = Flask("site")
    app.config.update(SECRET_KEY="first-key", TESTING=True, ZEROTRUST_STORE="memory://")
    # What movement does is seen where it opens views. Tests of known browsers set the default again.
    app.config.update(ZEROTRUST_NEW_BROWSER="movement")
    app.config.update(config)
    manager = LoginManager(app)
    manager.user_loader(User)
    zt = ZeroTrust(app, clock=clock)
    app.extensions["zerotrust"].scorer = scorer
    if store is not None:
        use_store(app, store)

    @zt.factors_loader
    def factors(user: str) -> list[Factor]:
        app_codes: list[Factor] = [TotpFactor(SECRET)] if user not in ("bob", "sue", "mia") else []
        if user == "mia":
            return [zt.email_factor(ADDRESS)]
        return app_codes + ([zt.sms_factor(NUMBER)] if user in ("sue", "tess") else [])

    @app.get("/")
    def home() -> str:
        return render_template_string(PAGE)

    @app.post("/login")
    def login() -> str:
        login_user(User(request.form["username"]), remember="remember" in request.form)
        return "in"

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        return "out"

    @app.get("/level")
    def level() -> dict[str, Any]:
        return {"level": current_risk.level, "value": current_risk.value, "latched": current_risk.latched}

    @app.route("/secret")
    @step_up_required
    def secret() -> str:
        return "the secret"

    @app.route("/admin")
    @step_up_required(always=True, action="open the admin page")
    def admin() -> str:
        return "the admin page"

    @app.route("/transfer", methods=["GET", "POST"])
    @step_up_required(action="send a transfer")
    def transfer() -> dict[str, Any]:
        return {"got": request.form.to_dict()}

    return Site(app, zt, clock, scorer)
