"""``flask zerotrust doctor``: finds faults of this app, and says how to fix them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import suppress

import click
from flask.cli import ScriptInfo

from flask_zerotrust.cli.common import group, json_option, the_app, the_guard
from flask_zerotrust.cli.doctor import app as checks
from flask_zerotrust.cli.doctor import delivery
from flask_zerotrust.cli.doctor.findings import Finding, Patient
from flask_zerotrust.errors import StoreError, ZeroTrustError

_WORST_FIRST = ("error", "warning", "hint")


@group.command()
@click.option("--offline", is_flag=True, help="Connect to nobody.")
@json_option
def doctor(offline: bool, as_json: bool) -> None:
    """Find what weakens this app, and say how to fix it (needs `flask zerotrust`).

    Exit code 1 where there are errors. Sends no message and changes nothing.
    """
    result = sorted(_examine(offline=offline), key=lambda item: _WORST_FIRST.index(item.severity))
    errors = sum(one.severity == "error" for one in result)
    if as_json:
        click.echo(json.dumps({"errors": errors, "findings": [dataclasses.asdict(one) for one in result]}))
    else:
        for one in result:
            click.echo(f"{one.severity.upper():8}{one.check}: {one.problem}\n        -> {one.fix}")
        click.echo(_summary(result))
    if errors:
        click.get_current_context().exit(1)


def _examine(*, offline: bool) -> Iterator[Finding]:
    script = click.get_current_context().find_object(ScriptInfo)
    if script is None:
        the_app()  # says how to name one
    else:
        # The `flask` command would put its --debug in place of the value in the configuration.
        script.set_debug_flag = False
    try:
        patient = Patient(app=the_app(), state=the_guard())
    except ZeroTrustError as error:
        yield Finding("error", "start", str(error), "The app does not start until then.")
        return
    every = (*checks.CHECKS, *(delivery.CHECKS[1:] if offline else delivery.CHECKS))
    for check in every:
        with suppress(StoreError):  # which the check of the store reports
            yield from check(patient)


def _summary(result: list[Finding]) -> str:
    counts = {name: sum(item.severity == name for item in result) for name in _WORST_FIRST}
    text = ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n)
    return text or "Nothing found."
