"""Who may change factors: whoever has used one just now, or a first use where the site allows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import current_app, request
from flask.typing import ResponseReturnValue

from flask_zerotrust.errors import StoreError
from flask_zerotrust.factors.enrolled import MAX_FACTORS, NoRoomError, NotFirstError
from flask_zerotrust.i18n import gettext
from flask_zerotrust.web import responses
from flask_zerotrust.web.enforce import demand
from flask_zerotrust.web.request import log
from flask_zerotrust.web.state import AppState, this_state

View = Callable[..., ResponseReturnValue]


def owner_view(action: str, *, adds: bool = False) -> Callable[[Callable[..., ResponseReturnValue]], View]:
    """Run a view with (guard, user, ...) for a person who may change factors, in every mode.

    Someone with a factor has to use it first. Without one, only a site that says so lets a fresh
    login of the last minutes enrol: an older one may be a thief's who has the cookie. ``adds`` says
    that there must be room, and passes on whether only a first factor may be added.
    """

    def wrap(inner: Callable[..., ResponseReturnValue]) -> View:
        @wraps(inner)
        def view(**values: Any) -> ResponseReturnValue:
            state = this_state()
            user = state.user()
            if user is None:
                return responses.unauthorized()
            try:
                if adds and state.enrolled.count(user) >= MAX_FACTORS:
                    return _no_room()
                first = not state.factors.of(user)
                refusal = refused(state, user, gettext(action), first=first)
                if refusal is not None:
                    return refusal
                return inner(state, user, first, **values) if adds else inner(state, user, **values)
            except NotFirstError:  # another was the first while this one was added
                return responses.go(request.url)
            except NoRoomError:  # another was added while this one was
                return _no_room()
            except StoreError:
                log.exception("the risk store did not answer; no factor was changed")
                return responses.unavailable()

        return view

    return wrap


def refused(state: AppState, user: str, action: str, *, first: bool) -> ResponseReturnValue | None:
    """Return the answer for a user who may not change factors now, None for one who may."""
    if not first:
        return demand(state, state.change_terms(), action)
    if state.factors.first_use(user):
        proven = fresh_login() and state.visit.is_fresh_login(user)
        return None if proven else responses.log_in_again(action)
    return responses.no_factor(action, may_enrol=False, support=state.settings.support)


def _no_room() -> ResponseReturnValue:
    """Return the answer for a user with as many factors as there may be."""
    text = gettext("You have set up as many as you can. Remove one first.")
    back = (gettext("Back"), request.script_root + "/")
    return responses.message(gettext("No room for another"), text, 409, back)


def fresh_login() -> bool:
    """Say whether the person typed a password in this session, where Flask-Login can tell."""
    if not hasattr(current_app, "login_manager"):
        return True
    from flask_login import login_fresh  # noqa: PLC0415 - adapter of an optional package

    return bool(login_fresh())
