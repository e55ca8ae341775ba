"""The list of browsers that are known to a user, on the page of factors, and the ways to forget them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue

from flask_zerotrust.i18n import N_, format_date
from flask_zerotrust.sessions.browsers import Browser
from flask_zerotrust.web import browsers, responses
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.views.forms import check_form, form_token
from flask_zerotrust.web.views.owner_check import owner_view

_ACTION = N_("forget a browser")
# Every form of the list carries the token of this purpose.
_FORM = "browsers"


@dataclass(frozen=True, slots=True)
class Time:
    """A date or time on a page: for programs (ISO 8601, UTC) and in the words of the user's language."""

    iso: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A remembered browser as the page shows it."""

    name: str
    since: Time
    used: Time
    is_this: bool
    forget_url: str


def register(blueprint: Blueprint) -> None:
    """Add the routes that forget browsers. The page of factors shows the list."""
    blueprint.add_url_rule("/browsers/forget", "forget_browsers", forget_others, methods=["POST"])
    path = "/browsers/<browser_id>/forget"
    blueprint.add_url_rule(path, "forget_browser", forget_one, methods=["POST"])


@owner_view(_ACTION)
def forget_one(state: AppState, user: str, browser_id: str) -> ResponseReturnValue:
    """Forget one remembered browser. What it has opened ends at once, in this session too."""
    check_form(state, _FORM)
    if browser_id not in {browser.id for browser in _remembered(state, user)}:
        return abort(404)
    browsers.forget_one(state, user, browser_id)
    return responses.go(url_for(".factors", news="forgotten"))


@owner_view(_ACTION)
def forget_others(state: AppState, user: str) -> ResponseReturnValue:
    """Forget every browser of the user but the one that has proven itself in this session."""
    check_form(state, _FORM)
    browsers.forget_others(state, user)
    return responses.go(url_for(".factors", news="others_forgotten"))


def context(state: AppState, user: str) -> dict[str, Any]:
    """Return a user's browsers for the page of factors, the newest first."""
    this = browsers.this_browser(state, user)
    rows = [_row(browser, this) for browser in reversed(_remembered(state, user))]
    rest = any(not row.is_this for row in rows)
    return {
        "browsers": rows,
        "forget_others_url": url_for(".forget_browsers") if rest else None,
        "browsers_csrf": form_token(state, _FORM),
    }


def _remembered(state: AppState, user: str) -> list[Browser]:
    return [browser for browser in state.browsers.all(user, now=state.clock()) if browser.remembered]


def _row(browser: Browser, this: str | None) -> Row:
    return Row(
        name=browsers.translated_name(browser.name),
        since=day(browser.made_at),
        used=day(browser.used_at),
        is_this=browser.id == this,
        forget_url=url_for(".forget_browser", browser_id=browser.id),
    )


def day(at: float) -> Time:
    """Return the date of a time (wall-clock seconds), in UTC."""
    when = datetime.fromtimestamp(0, UTC) + timedelta(seconds=at)
    return Time(when.date().isoformat(), format_date(when))
