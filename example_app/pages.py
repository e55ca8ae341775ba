"""What a customer sees: account, transfer, statements, and the demo phone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from flask_zerotrust import current_risk, step_up_required

from . import forms, store
from .extensions import login_manager, zt

blueprint = Blueprint("bank", __name__)

#: The phone page stands in for a thing in the customer's pocket, so it asks for no login.
OPEN = {"bank.phone"}
#: What can be chosen on the security page, and what it is answered with.
CHOICES = {
    "switch on": "From now on the bank learns how you move.",
    "switch off": "What was learnt is erased, and nothing more is learnt.",
    "start again": "What was learnt is erased. The bank starts again from nothing.",
}
#: What the status line calls the states of a browser, as status.js does.
BROWSERS = {
    "new": "this browser is new",
    "session": "this browser is confirmed until you log out",
    "known": "this browser is remembered",
}


@blueprint.before_request
def only_customers() -> Any:
    """Send strangers to the login page."""
    if request.endpoint not in OPEN and not current_user.is_authenticated:
        return login_manager.unauthorized()
    return forms.protect()


@blueprint.get("/")
def account() -> str:
    """Balance, recent movements, and how the session looks to the extension."""
    me = current_user.get_id()
    return render_template(
        "account.html", balance=store.balance(me), movements=store.movements(me, newest=8)
    )


@blueprint.get("/transfer")
def transfer() -> str:
    """Show the form."""
    empty = forms.TransferForm("", "", 0, {})
    return render_template("transfer.html", form=empty, balance=store.balance(current_user.get_id()))


@blueprint.post("/transfer")
@step_up_required(action="send a transfer")
def send_transfer() -> tuple[str, int] | Response:
    """Move the money: guarded, because this is what a thief is after. A new browser takes a code."""
    form = forms.TransferForm.read(request.form)
    me = current_user.get_id()
    if not form.errors:
        try:
            payee = store.transfer(me, to=form.to, pence=form.pence, today=datetime.now(UTC).date())
        except store.TransferRefused as refused:
            form.errors[refused.field] = str(refused)
        else:
            flash(f"{forms.money(form.pence)} is on its way to {payee}.", "success")
            return redirect(url_for("bank.account"), code=303)
    return render_template("transfer.html", form=form, balance=store.balance(me)), 422


@blueprint.get("/statements")
@step_up_required(always=True, action="open your statements")
def statements() -> str:
    """Show the account month by month: always behind a code, however good the movement."""
    return render_template("statements.html", statements=store.statements(current_user.get_id()))


@blueprint.get("/card")
def card() -> str:
    """Show the card; its script asks for the PIN without leaving the page."""
    return render_template("card.html")


@blueprint.post("/card")
@step_up_required(always=True, action="see your PIN")
def show_pin() -> str | Response:
    """Show the PIN to a page, or to script in it: always behind a code."""
    pin = current_user.account[-4:]  # nobody's idea of a PIN; this is a demo
    if request.accept_mimetypes.accept_html:
        return render_template("card.html", pin=pin)
    return jsonify(pin=pin)


@blueprint.get("/security")
def security() -> str:
    """Show what the bank has learnt of how this customer moves, and let them decide on it."""
    me = current_user.get_id()
    return render_template("security.html", agreed=store.consents(me), profile=zt.profile(me))


@blueprint.post("/security")
@step_up_required(always=True, action="change what the bank learns of your movement")
def set_learning() -> Response:
    """Switch learning on or off, or start again: behind a code, or a thief would switch it off first."""
    me, choice = current_user.get_id(), request.form.get("choice")
    if choice not in CHOICES:
        abort(400, "Choose one of the buttons of the security page.")
    # In this order: movement that comes in between would teach a profile again.
    store.set_consent(me, choice != "switch off")
    if choice != "switch on":
        zt.forget_profile(me)
    flash(CHOICES[choice], "success")
    return redirect(url_for("bank.security"), code=303)


@blueprint.get("/phone")
def phone() -> str:
    """Show what arrived on the demo phone, newest first; on all of them when nobody is logged in.

    Numbers and addresses that a customer is about to add belong to nobody yet, and land here, too.
    """
    me = current_user if current_user.is_authenticated else None
    others = [row for row in store.customers() if me is not None and row.id != me.id]
    theirs = {reached for row in others for reached in (row.phone, row.email)}
    arrived = [message for message in _outbox() if message.to not in theirs]
    return render_template("phone.html", me=me, messages=arrived[::-1])


def _outbox() -> list[Any]:
    """Return what the console senders sent, oldest first. Other senders have no outbox."""
    sent = [message for sender in (zt.sender, zt.mailer) for message in getattr(sender, "outbox", ())]
    return sorted(sent, key=lambda message: message.at)


@blueprint.app_context_processor
def demo_values() -> dict[str, Any]:
    """Give every page the risk to show; real sites keep it to themselves."""
    if not current_user or not current_user.is_authenticated:
        return {}
    risk = current_risk
    return {
        "risk_level": risk.level,
        "risk_text": risk_text(),
        "browser": risk.browser,
        "browser_text": BROWSERS[risk.browser],
    }


def risk_text() -> str:
    """Return the status line as status.js writes it: it is there before scripts run, and without them."""
    risk = current_risk
    counted = f"{risk.strokes} stroke{'' if risk.strokes == 1 else 's'}"
    if risk.level != "unknown":
        said = f"{risk.level} risk {risk.value:.2f} - {counted}"
    else:
        said = f"unknown - {counted}, keep moving" if risk.strokes else "unknown - no movement yet"
    other = " - moves like someone else" if "different_person" in risk.reasons else ""
    return said + other + (" - code needed" if risk.latched else "")


@blueprint.app_template_filter()
def clock(at: float) -> str:
    """Return wall-clock seconds as hours, minutes and seconds, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


@blueprint.app_template_filter()
def day(of: date) -> str:
    """Return a date as people say it: 3 Nov."""
    return f"{of.day} {of:%b}"
