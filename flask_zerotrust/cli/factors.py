"""The dates of a user's factors: when each was added, last used and removed."""

from __future__ import annotations

import json
from typing import Any

import click

from flask_zerotrust.cli.common import group, json_option, sharing_guard, utc_minute
from flask_zerotrust.factors.history import FactorDates


@group.command()
@click.argument("user")
@json_option
def factors(user: str, as_json: bool) -> None:
    """List when the factors of USER were added, last used and removed (needs `flask zerotrust`).

    A factor that the app itself keeps is listed once it was used.
    """
    rows = [_row(dates) for dates in sharing_guard().enrolled.history(user)]
    for row in rows:
        click.echo(json.dumps(row) if as_json else _line(row))
    if not rows and not as_json:
        click.echo(f"Nothing is known of factors of {user}.")


def _row(dates: FactorDates) -> dict[str, Any]:
    at = {"added": dates.added_at, "used": dates.used_at, "removed": dates.removed_at}
    times = {name: None if when is None else utc_minute(when) for name, when in at.items()}
    return {"id": dates.id, "kind": dates.kind, **times}


def _line(row: dict[str, Any]) -> str:
    times = "  ".join(f"{name} {row[name] or '-':17}" for name in ("added", "used", "removed"))
    return f"{row['id']:12}  {row['kind']:8}  {times}".rstrip()
