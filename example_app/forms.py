"""Forms: a CSRF token bound to the session, and reading what people typed."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from decimal import Decimal

from flask import Flask, abort, request, session
from werkzeug.datastructures import MultiDict

_TOKEN = "_bank_csrf"  # noqa: S105 - a session key, not a secret
_AMOUNT = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d{1,7})(?:\.\d{1,2})?", re.ASCII)
#: Pence; a limit a transfer, as real banks have.
MOST_PENCE = 1_000_000
LONGEST_PAYEE = 70


def init_app(app: Flask) -> None:
    """Give templates ``form_token()``."""
    app.jinja_env.globals["form_token"] = form_token
    app.jinja_env.filters["money"] = money


def form_token() -> str:
    """Return the session's token, made at its first use."""
    if _TOKEN not in session:
        session[_TOKEN] = secrets.token_urlsafe(24)
    return str(session[_TOKEN])


def renew_token() -> None:
    """Forget the token: whoever knew it before the login knows nothing after it."""
    session.pop(_TOKEN, None)


def protect() -> None:
    """Refuse a POST without the session's token; a ``before_request`` of the bank's blueprints."""
    if request.method != "POST":
        return
    expected = session.get(_TOKEN)
    if not expected or not hmac.compare_digest(expected, request.form.get("csrf_token", "")):
        abort(400, "This form is out of date. Go back, reload the page and try again.")


def money(pence: int) -> str:
    """Return pence as people write pounds: 123456 as £1,234.56, and a true minus sign."""
    sign = "\N{MINUS SIGN}" if pence < 0 else ""
    return f"{sign}£{abs(pence) // 100:,}.{abs(pence) % 100:02d}"


@dataclass(frozen=True, slots=True)
class TransferForm:
    """What was typed, and what it means. ``pence`` is 0 where ``errors`` is not empty."""

    to: str
    amount: str
    pence: int
    errors: dict[str, str]

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> TransferForm:
        """Read ``to`` and ``amount``; errors by field name, in plain English."""
        to = " ".join(form.get("to", "").split())
        amount = form.get("amount", "").strip()
        errors: dict[str, str] = {}
        if not to:
            errors["to"] = "Say who the money is for."
        elif len(to) > LONGEST_PAYEE or not to.isprintable():
            errors["to"] = f"Use at most {LONGEST_PAYEE} letters and digits."
        pence = _pence(amount)
        if pence is None:
            errors["amount"] = "Enter an amount in pounds, such as 25 or 25.00."
        elif not 0 < pence <= MOST_PENCE:
            errors["amount"] = f"Enter an amount from £0.01 to {money(MOST_PENCE)}."
        return cls(to, amount, 0 if errors or pence is None else pence, errors)


def _pence(text: str) -> int | None:
    plain = text.removeprefix("£").strip()
    if _AMOUNT.fullmatch(plain) is None:
        return None
    return int(Decimal(plain.replace(",", "")) * 100)
