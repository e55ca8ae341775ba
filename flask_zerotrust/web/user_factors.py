"""The factors of users: those that the app names, those enrolled here, and those that a user may add."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import current_app, has_request_context, request

from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.factors.base import Factor, Mailer, Sender, Verifier, is_usable, leaving_out
from flask_zerotrust.factors.webauthn import RelyingParty
from flask_zerotrust.web.request import is_developed, log
from flask_zerotrust.web.user_ids import may_change, other_ids
from flask_zerotrust.web.users import account_name, flask_login_user

if TYPE_CHECKING:
    from flask_zerotrust.web.state import AppState

_IP = re.compile(r"[0-9.]+|\[.*\]")


class UserFactors:
    """Factors of an app's users.

    Parameters
    ----------
    state : AppState
    """

    def __init__(self, state: AppState) -> None:
        self._state = state

    def of(self, user: str) -> list[Factor]:
        """Return the user's factors: the app's own first, then those enrolled here.

        Numbers, addresses and secrets that cannot be used are left out, with a warning in the log.

        Raises
        ------
        ConfigError
            If the app names anything else than a factor.
        """
        state = self._state
        with leaving_out() as problems:
            own = list(state.loaders.factors(user) or ()) if state.loaders.factors is not None else []
            here = state.enrolled.factors(
                user, sender=state.sender, mailer=state.mailer, party=self.party()
            )
        for factor in own:
            _check_factor(factor)
        for problem in problems:
            log.warning("a factor of user %s is left out: %s", user, problem)
        if own and state.settings.enrol == "first-use":
            state.enrolled.note_had(user)
        own = [factor for factor in own if is_usable(factor)]
        taken = {factor.id for factor in own}
        return own + [factor for factor in here if is_usable(factor) and factor.id not in taken]

    def sender(self) -> Sender | Verifier | None:
        """Return the sender of text messages for factors that the app names.

        While developing, an app that has set up no sender reads its codes on the terminal.
        """
        return self._state.sender or (self._state.terminal_sender if is_developed(current_app) else None)

    def mailer(self) -> Mailer | None:
        """Return the sender of mail for factors that the app names. See :meth:`sender`."""
        return self._state.mailer or (self._state.terminal_mailer if is_developed(current_app) else None)

    def can_exist(self) -> bool:
        """Return whether any user can have a factor, named by the app or added here.

        A sender alone gives nobody a factor: adding a number takes another one, or a first use.
        """
        named = self._state.loaders.factors is not None or self._state.settings.enrol == "first-use"
        return named or bool(self._state.store.keys("factors:"))

    def party(self) -> RelyingParty | None:
        """Return this site as browsers know it. None without passkeys, and outside of a request.

        None, too, at a bare IP address: browsers make keys for domains only.

        A made-up Host header gains nothing: the browser writes the origin, and without named origins that
        has to be the one where the key was made.
        """
        s = self._state.settings
        if not s.passkeys or not has_request_context():
            return None
        domain = request.host.lower()
        domain = domain if domain.endswith("]") else domain.rsplit(":", 1)[0]
        origins = s.webauthn_origins or (f"{request.scheme}://{request.host.lower()}",)
        if s.webauthn_rp_id is None and _IP.fullmatch(domain):
            return None
        name, named = s.issuer or current_app.name, bool(s.webauthn_origins)
        return RelyingParty(s.webauthn_rp_id or domain, name, origins, named=named)

    def account_name(self, user: str) -> str:
        """Return the name of the account on the user's devices: without a name of its own, as the site."""
        return (
            account_name(self._state.loaders.account_name, user)
            or self._state.settings.issuer
            or current_app.name
        )

    def first_use(self, user: str) -> bool:
        """Return whether a login is enough to enrol, for a user for whom :meth:`of` is empty.

        It is not if the user ever had a factor: the app's database may be away, a number may be without a
        sender. A thief of the password would otherwise replace it. While switched off, no login is seen.
        """
        allowed = self._state.settings.enrol == "first-use" and self._state.settings.mode != "off"
        return allowed and not self._state.enrolled.had(user) and self._keeps_id(user)

    def _keeps_id(self, user: str) -> bool:
        """Return whether this user's id stays, and no factor was ever kept under another id of theirs.

        After a change of password a user with a new id looks like one who never had a factor.
        """
        who = flask_login_user()
        if who is None:
            return True
        if may_change(who, user, chosen=self._state.loaders.user_id is not None):
            log.error(
                "%s.get_id() may change with the password, so a login alone adds no factor. Name a "
                "function with @zt.user_id_loader that returns an id which stays, such as the primary key.",
                type(who).__qualname__,
            )
            return False
        return not any(map(self._state.enrolled.had, other_ids(who, user)))

    def has_choice(self) -> bool:
        """Say whether people can enrol more here than an authenticator app."""
        return any(way is not None for way in (self._state.sender, self._state.mailer, self.party()))

    def note(self, user: str | None) -> None:
        """Keep whether the user has a factor when a session begins: the app may forget it later."""
        if self._state.settings.enrol != "first-use" or user is None:
            return
        try:
            self.of(user)
        except StoreError:
            raise
        except Exception:  # the app's own loader: a login stays what it is
            log.exception("the factors of a user could not be loaded at login")


def _check_factor(factor: object) -> None:
    if not isinstance(factor, Factor):
        raise ConfigError(
            f"The function registered with @zt.factors_loader returned a {type(factor).__name__}. Return "
            "factors, such as TotpFactor(secret). For one of your own, subclass flask_zerotrust.Factor."
        )
