"""Help for developers whose app has no factors yet: hints on the 403 in debug mode, and one warning."""

from __future__ import annotations

from flask import current_app

from flask_zerotrust.web.state import Guard, log

#: Ways to give users a factor. Developers read them, so they are English.
WAYS = (
    "Return the factors of a user from a @zt.factors_loader, such as [zt.email_factor(user.email)].",
    "Set ZEROTRUST_EMAIL_SENDER or ZEROTRUST_SMS_SENDER, which sends the codes. "
    "Without one, debug mode prints the codes on the terminal.",
    "Set ZEROTRUST_ENROL = 'first-use', so that a user can add a first factor after a fresh login.",
)


def hints() -> tuple[str, ...]:
    """Return the ways to give users a factor in debug mode. Return none in production."""
    return WAYS if current_app.debug else ()


def warn_without_factors(guard: Guard) -> None:
    """Log a warning if protected views refuse every user, because nobody can have a factor."""
    if current_app.testing or guard.settings.mode != "enforce" or guard.can_have_factors():
        return
    numbered = " ".join(f"({number}) {way}" for number, way in enumerate(WAYS, start=1))
    log.warning("No user can have a factor, so protected views refuse everybody. %s", numbered)
