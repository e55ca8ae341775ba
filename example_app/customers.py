"""Logging in and out, and how a customer can be reached."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response

from flask_zerotrust import Factor

from . import forms, store
from .extensions import login_manager, zt
from .seed import CUSTOMERS, PASSWORDS

blueprint = Blueprint("customers", __name__)
blueprint.before_request(forms.protect)

login_manager.user_loader(store.customer)
login_manager.login_view = "customers.login"
login_manager.login_message = "Log in to go on."
login_manager.login_message_category = "info"

_REFUSED = "That user name and password do not match. Check both and try again."


@zt.factors_loader
def factors(user_id: str) -> Iterable[Factor]:
    """The customer's phone and mail: the bank vouches for both, so no enrolment is needed."""
    customer = store.customer(user_id)
    return [zt.sms_factor(customer.phone), zt.email_factor(customer.email)] if customer else []


@zt.identity_consent
def learns(user_id: str) -> bool:
    """Only of customers who have switched it on is a profile kept."""
    return store.consents(user_id)


@blueprint.get("/login")
def login() -> str | Response:
    """Ask who it is, or go on when that is known."""
    if current_user.is_authenticated:
        return redirect(url_for("bank.account"))
    return _login_page()


@blueprint.post("/login")
def log_in() -> tuple[str, int] | Response:
    """Check the password and start a clean session."""
    username = request.form.get("username", "").strip().lower()
    customer = store.customer(username)
    if customer is None or not check_password_hash(
        customer.password_hash, request.form.get("password", "")
    ):
        return _login_page(username=username, error=_REFUSED), 401
    wanted = _local_path(request.form.get("next", ""))
    forms.renew_token()
    login_user(customer)
    return redirect(wanted or url_for("bank.account"), code=303)


@blueprint.post("/logout")
def logout() -> Response:
    """End the session."""
    logout_user()
    flash("You are logged out.", "success")
    return redirect(url_for("customers.login"), code=303)


def _login_page(username: str = "", error: str | None = None) -> str:
    demo = [(row, PASSWORDS[row.id]) for row in CUSTOMERS]
    wanted = request.values.get("next", "")
    return render_template("login.html", username=username, error=error, demo=demo, wanted=wanted)


def _local_path(path: str) -> str | None:
    """Return the path if it is one of this bank's own pages, else None."""
    names = ("account", "transfer", "statements", "card", "security", "phone")
    pages = {url_for(f"bank.{name}") for name in names}
    return path if path in pages else None
