"""The state of one app: its services, each made once, and the parts for a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flask import current_app

from flask_zerotrust import identity
from flask_zerotrust.challenge import Challenges
from flask_zerotrust.config import Settings
from flask_zerotrust.delivery.senders import ConsoleMailer, ConsoleSender
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Mailer, Sender, Verifier
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.identity.profile_store import Profiles
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.recordings.recorder import Recorder
from flask_zerotrust.replay.memory import ReplayMemory
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.sessions.browsers import Browsers
from flask_zerotrust.sessions.sessions import CHANGE_S, Sessions
from flask_zerotrust.sessions.tokens import Tokens
from flask_zerotrust.stores.base import Store
from flask_zerotrust.web.protection import Protection
from flask_zerotrust.web.user_factors import UserFactors
from flask_zerotrust.web.users import Loaders, current_user_id
from flask_zerotrust.web.visit import Visit


@dataclass(slots=True, kw_only=True)
class AppState:
    """Everything that ``ZeroTrust.init_app`` makes for one app. :func:`this_state` returns it.

    Attributes
    ----------
    settings : Settings
    loaders : Loaders
        Functions of the app.
    store : Store
    keys : KeyRing
    clock : callable
        Returns wall-clock seconds.
    scorer : Scorer
        The model.
    sessions, browsers, challenges, enrolled
        Sessions, known browsers, step-ups and factors in the store.
    sender, mailer : optional
        Who hands over text messages and mail.
    terminal_sender, terminal_mailer
        The same for an app that is being developed and names none.
    page_tokens, form_tokens : Tokens
    profiles, background
        How users move. Without a background nothing is compared.
    recorder, replays : optional
        Parts that are off by default.
    protected : set of Protection
        Endpoints that are guarded by ``zt.protect``.
    checked : bool
        The app was checked at its first request.
    factors : UserFactors
    visit : Visit
        The session of the current request.
    """

    settings: Settings
    loaders: Loaders
    store: Store
    keys: KeyRing
    clock: Callable[[], float]
    scorer: assess.Scorer
    sessions: Sessions
    browsers: Browsers
    challenges: Challenges
    enrolled: Enrolled
    sender: Sender | Verifier | None
    mailer: Mailer | None
    terminal_sender: ConsoleSender
    terminal_mailer: ConsoleMailer
    page_tokens: Tokens
    form_tokens: Tokens
    profiles: Profiles
    background: identity.Background | None = None
    recorder: Recorder | None = None
    replays: ReplayMemory | None = None
    protected: set[Protection] = field(default_factory=set)
    checked: bool = False
    factors: UserFactors = field(init=False)
    visit: Visit = field(init=False)

    def __post_init__(self) -> None:
        self.factors = UserFactors(self)
        self.visit = Visit(self)

    def user(self) -> str | None:
        """Return the id of the person who is logged in, or None."""
        return current_user_id(self.loaders.user_id)

    def terms(self, *, max_risk: float | None, max_age_s: float | None, always: bool) -> risk.Terms:
        """Fill a view's terms with the site's defaults."""
        fallback = self.settings.max_risk
        limit = fallback if fallback is not None else self.scorer.policy.high_at
        grant_s = self.settings.grant_s if max_age_s is None else max_age_s
        return risk.Terms(
            max_risk=limit if max_risk is None else max_risk,
            grant_s=grant_s,
            keyless_s=self.settings.keyless_s,
            # A view that names an age wants a code of that age.
            always=always or max_age_s is not None,
            wants_movement=max_risk is not None,
            movement_earns=self.settings.new_browser == "movement",
        )

    def change_terms(self) -> risk.Terms:
        """Return the terms of a change of factors: a step-up of the last minutes, whatever the risk.

        One recovery code alone is not enough. A second one is, or another factor.
        """
        age_s = min(self.settings.grant_s, CHANGE_S)
        return replace(self.terms(max_risk=None, max_age_s=age_s, always=True), changes_factors=True)


def this_state() -> AppState:
    """Return the state of the current app.

    Raises
    ------
    ConfigError
        When the extension was not added to this app.
    """
    result = current_app.extensions.get("zerotrust")
    if not isinstance(result, AppState):
        raise ConfigError(
            f"Flask-ZeroTrust is not set up for {current_app.name!r}: call ZeroTrust(app), or "
            "init_app(app) in the factory, before the first request."
        )
    return result
