"""Commands about people who are here now: sessions, revoke, rekey."""

from __future__ import annotations

import json
from typing import Any

import click

from flask_zerotrust import signals
from flask_zerotrust.cli.common import group, json_option, sharing_guard, the_app
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.sessions.sessions import short_id
from flask_zerotrust.web.endings import tell
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.visit import browser_trust

# So many characters of an id tell sessions apart. Fewer could name somebody else's.
_LEAST = 6


@group.command()
@click.argument("user", required=False)
@json_option
def sessions(user: str | None, as_json: bool) -> None:
    """List the live sessions of USER, or of everyone who is logged in (needs `flask zerotrust`)."""
    state = sharing_guard()
    rows = [
        _row(state, session_id, record)
        for session_id, record in state.sessions.live()
        if (record.user == user if user is not None else record.user is not None)
    ]
    for row in rows:
        click.echo(json.dumps(row) if as_json else _line(row))
    if not rows and not as_json:
        click.echo("No live session.")


# The name of a session may begin with a dash, and is no option then.
@group.command(context_settings={"ignore_unknown_options": True})
@click.argument("who", metavar="[USER|SESSION]", required=False)
@click.option(
    "--all", "everybody", is_flag=True, help="End the step-ups of all users. Nobody is logged out."
)
@click.option(
    "--latches",
    is_flag=True,
    help="For the innocent: lift required challenges and end step-ups, and log nobody out.",
)
def revoke(who: str | None, everybody: bool, latches: bool) -> None:
    """End the sessions of a user, or one session: step-ups at once, the login at the next request.

    SESSION is an id that `sessions` shows. Challenges that are required stay required unless --latches says
    otherwise. Needs `flask zerotrust`.
    """
    if everybody == (who is not None) or (everybody and latches):
        raise ConfigError("Name a user or a session, or use --all alone.")
    state = sharing_guard()
    if everybody:
        state.sessions.endings.begin_epoch()
        with the_app().app_context():
            signals.grant_revoked.send(
                the_app(), user=None, session=None, reason="operator", latch_lifted=False
            )
        click.echo("All step-ups and proofs of all users, ended. Nobody is logged out.")
    elif who is not None:
        _revoke(state, who, latches=latches)


def _revoke(state: AppState, who: str, *, latches: bool) -> None:
    chosen = _chosen(state, who)
    if latches:
        _pardon(state, who, chosen)
    else:
        _end(state, who, chosen)
    for session_id, record in chosen:
        if record.grant is not None or (latches and record.latched):
            signals.grant_revoked.send(
                the_app(),
                user=record.user,
                session=short_id(session_id),
                reason="operator",
                latch_lifted=latches and record.latched,
            )
    granted = sum(record.grant is not None for _, record in chosen)
    lifted = ", latches lifted" if latches else ""
    count = f"{len(chosen)} session{'' if len(chosen) == 1 else 's'}"
    click.echo(f"{count}, {granted} with a grant, ended{lifted}.")


def _end(state: AppState, who: str, chosen: list[tuple[str, Record]]) -> None:
    """End a user's sessions, also those without a record, or the one session that is meant."""
    by_id = [(session_id, record) for session_id, record in chosen if record.user != who]
    for session_id, record in by_id:
        if record.user is not None:
            state.sessions.end_one(record.user, session_id, record)
            tell(the_app(), record.user, short_id(session_id), "operator")
    if not by_id:
        state.sessions.end_all(who)
        tell(the_app(), who, None, "operator")


def _pardon(state: AppState, who: str, chosen: list[tuple[str, Record]]) -> None:
    """End step-ups, and lift the latch of the user."""
    for session_id, _ in chosen:
        state.sessions.revoke(session_id, latches=True)
    for user in {record.user for _, record in chosen if record.user is not None} or {who}:
        state.sessions.forgive(user)


def _chosen(state: AppState, who: str) -> list[tuple[str, Record]]:
    """Return the sessions that are meant. A name that is both a user's and an id's is refused."""
    live = state.sessions.live()
    of_user = [(name, record) for name, record in live if record.user == who]
    by_id = [(name, record) for name, record in live if len(who) >= _LEAST and name.startswith(who)]
    if of_user and by_id:
        raise ConfigError(f"{who!r} is a user, and begins the id of a session. Write more of the id.")
    if len(by_id) > 1:
        raise ConfigError(f"{len(by_id)} sessions begin with {who!r}. Revoke the user instead.")
    result = of_user or by_id
    # Rows that earlier sessions of a user have left may latch the next, or log in without a record.
    if not result and not state.store.owned("user:" + who):
        raise ConfigError(f"{who!r} is neither a user with a live session nor the id of one.")
    return result


def _row(state: AppState, session_id: str, record: Record) -> dict[str, Any]:
    now = state.clock()
    faded = risk.decay(record.state, now=now, half_life_s=state.settings.half_life_s)
    result = assess.describe(faded, policy=state.scorer.policy)
    grant_age_s = record.grant_age_s(user=record.user or "", now=now)
    return {
        "session": short_id(session_id),
        "user": record.user,
        "level": result.level,
        "risk": round(result.value, 4),
        "latched": record.latched,
        "browser": browser_trust(record),
        "grant_age_s": None if grant_age_s is None else round(grant_age_s),
        "factor": record.grant.factor_id if record.grant is not None else None,
        "idle_s": round(max(0.0, now - record.seen_at)),
    }


def _line(row: dict[str, Any]) -> str:
    grant = "no grant" if row["grant_age_s"] is None else f"{row['factor']} {row['grant_age_s']} s ago"
    latch = "latched" if row["latched"] else "-"
    return (
        f"{row['session']}  {row['level']:8}  {latch:7}  {row['browser']:7}  {grant:20}  "
        f"idle {row['idle_s']} s  {row['user']}"
    )


@group.command()
def rekey() -> None:
    """Encrypt factors and profiles again under the newest SECRET_KEY (needs `flask zerotrust`).

    Run it after a change of keys, before the former one leaves SECRET_KEY_FALLBACKS. Again does no harm.
    Exit code 1 where no key opens a record.
    """
    state = sharing_guard()
    both = {"factors": state.enrolled.rekey(), "movement profile": state.profiles.rekey(now=state.clock())}
    done, current = (sum(getattr(item, name) for item in both.values()) for name in ("done", "current"))
    click.echo(f"{done} encrypted again, {current} were under the newest key already.")
    for what, item in both.items():
        if item.unreadable:
            click.echo(
                f"No key opens the {what} of {len(item.unreadable)}: {', '.join(item.unreadable[:10])}. "
                "Put the former key back into SECRET_KEY_FALLBACKS and run this again, or let them begin "
                "again.",
                err=True,
            )
    if any(item.unreadable for item in both.values()):
        click.get_current_context().exit(1)
