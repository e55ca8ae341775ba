"""Help for developers of an app in which nobody could pass: hints on the 403, and warnings at the start."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType

from flask import current_app

from flask_zerotrust.errors import StoreError
from flask_zerotrust.web.request import is_developed, log
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.users import FactorsLoader

#: Ways to give users a factor. Developers read them, so they are English.
WAYS = (
    "Return the factors of a user from a @zt.factors_loader, such as [zt.email_factor(user.email)]. "
    "Debug mode prints the codes on the terminal. In production ZEROTRUST_EMAIL_SENDER sends them.",
    "Set ZEROTRUST_ENROL = 'first-use', so that a user can add a first factor after a fresh login.",
)


def hints() -> tuple[str, ...]:
    """Return the ways to give users a factor in debug mode. Return none in production."""
    return WAYS if current_app.debug else ()


def warn(state: AppState) -> None:
    """Log why protected views would refuse users, once, before the first of them is refused."""
    if current_app.testing or state.settings.mode != "enforce":
        return
    if not _can_have_factors(state):
        numbered = " ".join(f"({number}) {way}" for number, way in enumerate(WAYS, start=1))
        log.warning("No user can have a factor, so protected views refuse everybody. %s", numbered)
    for problem in () if is_developed(current_app) else missing_senders(state):
        log.error("%s", problem)


def missing_senders(state: AppState) -> Iterator[str]:
    """Yield a sentence for each kind of factor that the app's loader names and that has no sender."""
    names = _names(state.loaders.factors)
    senders = (("email", state.mailer, "'smtp'"), ("sms", state.sender, "'twilio' or 'twilio-verify'"))
    for kind, sender, values in senders:
        if sender is None and f"{kind}_factor" in names:
            yield (
                f"@zt.factors_loader uses zt.{kind}_factor, but ZEROTRUST_{kind.upper()}_SENDER is 'none', "
                f"so protected views fail. Set it to {values}. "
                "While you develop, run with: flask run --debug. "
                "Then messages go to the terminal."
            )


def _can_have_factors(state: AppState) -> bool:
    try:
        return state.factors.can_exist()
    except StoreError:
        return True  # it cannot be told now, and the request finds out for itself


def _names(loader: FactorsLoader | None) -> set[str]:
    """Return the attributes and globals that a function's own code reads, also in inner functions."""
    code = getattr(inspect.unwrap(loader), "__code__", None) if loader is not None else None
    return set(_read_names(code)) if code is not None else set()


def _read_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _read_names(inner)
