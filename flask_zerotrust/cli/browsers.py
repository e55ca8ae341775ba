"""The browsers that are known to a user: list and forget them."""

from __future__ import annotations

import json
from typing import Any

import click

from flask_zerotrust.cli.common import group, json_option, sharing_guard, the_app, utc_minute
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.sessions.browsers import Browser
from flask_zerotrust.web import browsers as known
from flask_zerotrust.web.state import AppState


@group.command()
@click.argument("user")
@click.option("--forget", "forget_id", metavar="ID", help="Forget the browser with this id.")
@click.option("--forget-all", is_flag=True, help="Forget all browsers of USER.")
@json_option
def browsers(user: str, forget_id: str | None, forget_all: bool, as_json: bool) -> None:
    """List the browsers that are known to USER, or forget them (needs `flask zerotrust`).

    A forgotten browser loses its step-ups at once and has to confirm with a code. Nobody is logged out.
    """
    if forget_id is not None and forget_all:
        raise ConfigError("--forget and --forget-all exclude each other. Use one of them.")
    state = sharing_guard()
    if forget_id is not None or forget_all:
        _forget(state, user, forget_id, as_json=as_json)
    else:
        _list(state, user, as_json=as_json)


def _list(state: AppState, user: str, *, as_json: bool) -> None:
    rows = [_row(browser) for browser in state.browsers.all(user, now=state.clock())]
    for row in rows:
        click.echo(json.dumps(row) if as_json else _line(row))
    if not rows and not as_json:
        click.echo(f"No browser is known to {user}.")


def _forget(state: AppState, user: str, browser_id: str | None, *, as_json: bool) -> None:
    with the_app().app_context():
        count = known.forget(state, user, None if browser_id is None else {browser_id})
    if browser_id is not None and not count:
        raise ConfigError(
            f"{user!r} has no browser with the id {browser_id!r}. `flask zerotrust browsers` lists the ids."
        )
    if as_json:
        click.echo(json.dumps({"forgotten": count}))
    else:
        click.echo(f"{count} browser{'' if count == 1 else 's'} forgotten.")


def _row(browser: Browser) -> dict[str, Any]:
    return {
        "id": browser.id,
        "name": browser.name,
        "remembered": browser.remembered,
        "since": utc_minute(browser.made_at),
        "used": utc_minute(browser.used_at),
        "ends": utc_minute(browser.ends_at),
    }


def _line(row: dict[str, Any]) -> str:
    kind = "remembered" if row["remembered"] else "until logout"
    return (
        f"{row['id']}  {row['name']:22}  {kind:12}  since {row['since']}  used {row['used']}  "
        f"ends {row['ends']}"
    )
