"""Movement profiles of users: show, export, forget, roll back."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from flask_zerotrust.cli.common import group, json_option, the_guard
from flask_zerotrust.errors import ConfigError

_user = click.argument("user")


@group.group()
def profile() -> None:
    """Show, export, forget or roll back a user's movement profile (needs `flask zerotrust`)."""


@profile.command()
@_user
@json_option
def show(user: str, as_json: bool) -> None:
    """Show how far USER's profile is."""
    progress = _profiles().progress(user)
    click.echo(json.dumps(dataclasses.asdict(progress)) if as_json else _told(user, progress))


@profile.command()
@_user
def export(user: str) -> None:
    """Write all that is kept of USER's movement to standard output, as JSON."""
    click.echo(json.dumps(_profiles().export(user)))


@profile.command()
@_user
def forget(user: str) -> None:
    """Erase USER's profile. Nothing of it is left in the store."""
    _profiles().forget(user)
    click.echo(f"Nothing is kept of how {user} moves.")


@profile.command()
@_user
def rollback(user: str) -> None:
    """Roll USER's profile back to before its last day of learning."""
    click.echo(_told(user, _profiles().rollback(user)))


def _profiles() -> Any:
    state = the_guard()
    if state.settings.store == "memory://":
        raise ConfigError(
            "ZEROTRUST_STORE = 'memory://' is not shared with this command: use sqlite:/// or redis://."
        )
    return state.profiles


def _told(user: str, result: Any) -> str:
    if result.stopped:
        return f"{user} wants no profile: nothing is kept."
    if result.updated is None:
        return f"Nothing is kept of how {user} moves."
    when = datetime.fromtimestamp(0, UTC) + timedelta(seconds=result.updated)
    ready = "ready" if result.ready else "not ready yet"
    return (
        f"{user}: {result.strokes} strokes learnt of {result.needed} needed, {ready}; "
        f"{result.instruments} instrument{'' if result.instruments == 1 else 's'}; "
        f"last learnt {when:%Y-%m-%d %H:%M} UTC"
    )
