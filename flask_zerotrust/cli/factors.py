"""Support for a user who is held up: list and reset factors, and open a locked account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from flask_zerotrust.cli.common import group, json_option, sharing_guard, the_app, utc_minute
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.factors.history import FactorDates
from flask_zerotrust.web import accounts
from flask_zerotrust.web.state import AppState


@group.command()
@click.argument("user")
@click.option("--reset", "reset_id", metavar="ID", help="Remove the factor with this id.")
@click.option("--reset-all", is_flag=True, help="Remove all factors that USER enrolled.")
@json_option
def factors(user: str, reset_id: str | None, reset_all: bool, as_json: bool) -> None:
    """List the factors of USER with their dates, or remove them (needs `flask zerotrust`).

    After a removal USER has to confirm again in every browser. The owner is told. After --reset-all USER
    counts as one who never had a factor. Check first that you talk to USER.
    """
    if reset_id is not None and reset_all:
        raise ConfigError("--reset and --reset-all exclude each other. Use one of them.")
    state = sharing_guard()
    with the_app().app_context():
        if reset_id is not None or reset_all:
            _reset(state, user, reset_id, as_json=as_json)
        else:
            _list(state, user, as_json=as_json)


@group.command()
@click.argument("user")
@json_option
def unlock(user: str, as_json: bool) -> None:
    """Open the account of USER after too many wrong codes (needs `flask zerotrust`).

    It ends the lock and all pauses, in all browsers. The owner is told. Check first that you talk to USER.
    """
    state = sharing_guard()
    with the_app().app_context():
        opened = accounts.unlock(state, user, reason="operator")
    if as_json:
        click.echo(json.dumps({"opened": opened}))
    elif opened:
        click.echo(f"{user} can type codes again.")
    else:
        click.echo(f"No wrong codes of {user} are counted, so there is nothing to open. Check the id.")


def _list(state: AppState, user: str, *, as_json: bool) -> None:
    rows = [_row(dates) for dates in [*state.enrolled.history(user), *_unused(state, user)]]
    for row in rows:
        click.echo(json.dumps(row) if as_json else _line(row))
    if not rows and not as_json:
        click.echo(f"Nothing is known of factors of {user}.")


def _unused(state: AppState, user: str) -> Iterator[FactorDates]:
    """Yield the app's own factors that have passed no challenge yet, and so have no dates."""
    live = {dates.id for dates in state.enrolled.history(user) if dates.removed_at is None}
    try:
        result = state.factors.of(user)
    except StoreError:
        raise
    except Exception as error:  # the app's own loader, which may want a request
        click.echo(f"@zt.factors_loader failed, so its factors may be missing: {error}", err=True)
        return
    for factor in result:
        if factor.id not in live:
            yield FactorDates(factor.id, factor.kind)


def _reset(state: AppState, user: str, factor_id: str | None, *, as_json: bool) -> None:
    if not state.store.owned("user:" + user):
        raise ConfigError(f"Nothing is kept of {user!r}. Check the id.")
    gone = accounts.reset_factors(state, user, factor_id, reason="operator")
    if as_json:
        click.echo(json.dumps({"removed": gone}))
    else:
        click.echo(f"Removed: {', '.join(gone) or 'nothing'}.")


def _row(dates: FactorDates) -> dict[str, Any]:
    at = {"added": dates.added_at, "used": dates.used_at, "removed": dates.removed_at}
    times = {name: None if when is None else utc_minute(when) for name, when in at.items()}
    return {"id": dates.id, "kind": dates.kind, **times}


def _line(row: dict[str, Any]) -> str:
    times = "  ".join(f"{name} {row[name] or '-':17}" for name in ("added", "used", "removed"))
    return f"{row['id']:12}  {row['kind']:8}  {times}".rstrip()
