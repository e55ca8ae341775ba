"""Commands for a site that is live: calibrate, recordings, observed."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask.cli import ScriptInfo

from flask_zerotrust.cli.common import (
    bad_lines,
    files_argument,
    group,
    json_option,
    making_folder,
    read,
    save,
    say_how_to_use,
    sharing_guard,
    skip_bad_option,
    the_guard,
)
from flask_zerotrust.cli.progress_bar import Bar
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.recordings.recorder import Recorder
from flask_zerotrust.risk.model import DEFAULT, load_bundle
from flask_zerotrust.web import observe


class _Share(click.FloatRange):
    """A share strictly between 0 and 1. NaN, which is neither below nor above a limit, is none."""

    def __init__(self) -> None:
        super().__init__(0.0, 1.0, min_open=True, max_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        share = super().convert(value, param, ctx)
        if share != share:
            self.fail(f"{value} is not a number.", param, ctx)
        return share


@group.command()
@files_argument
@click.option(
    "--max-false-step-ups",
    default=0.01,
    show_default=True,
    type=_Share(),
    help="Largest share of your people to be asked for a code because of their movement.",
)
@click.option("--model", help="Folder of a bundle; the one that ships if left out.")
@click.option(
    "--out",
    default="zerotrust-model",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the new bundle.",
)
@click.option("--tighten", is_flag=True, help="Also let cut-offs become stricter than the model's.")
@click.option(
    "--bots", default=105, show_default=True, type=click.IntRange(0), help="Simulated, to compare."
)
@skip_bad_option
@json_option
def calibrate(
    files: tuple[str, ...],
    max_false_step_ups: float,
    model: str | None,
    out: Path,
    tighten: bool,
    bots: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Set a model's cut-offs by the visits of your own site's people."""
    from flask_zerotrust.training import site_thresholds as thresholds

    scorer = load_bundle(model)
    with making_folder(out), Bar() as bar, bad_lines(skip_bad) as on_bad:
        people = _people(bar.over(read(files, on_bad), "visits"))
        before = thresholds.original(scorer)
        visits = [thresholds.watch(visit, scorer) for visit in people]
        result = thresholds.find(visits, before, max_false_step_ups=max_false_step_ups, tighten=tighten)
    old, new = (dataclasses.replace(scorer, policy=policy) for policy in (before, result.policy))
    cost = thresholds.bots_stopped([old, new], n=bots) if bots else []
    provenance = thresholds.summary(result) | {"simulated_bots": cost}
    sha256 = thresholds.write(out, Path(model or DEFAULT), result, before=before, provenance=provenance)
    if as_json:
        policy = dataclasses.asdict(result.policy)
        answer = {"bundle": str(out), "sha256": sha256, "shift_log_odds": result.shift, "policy": policy}
        click.echo(json.dumps(answer | {"max_false_step_ups": max_false_step_ups} | provenance))
    else:
        for line in thresholds.sentences(result):
            click.echo(line)
    for line in thresholds.warnings(result, cost):
        click.echo(line, err=True)
    if not as_json:
        say_how_to_use(out, sha256)


@group.command(name="recordings")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", default="-", show_default=True, help="A file (.gz packs it) or - for stdout.")
@click.option("--source", default="site", show_default=True, help="What to call this site.")
@skip_bad_option
def recordings_(folder: Path | None, out: str, source: str, skip_bad: bool) -> None:
    """Join batches that a site has recorded (ZEROTRUST_RECORD_DIR) into recordings.

    FOLDER may be left out with `flask zerotrust`, which knows the app's.
    """
    from flask_zerotrust.recordings import spool

    with Bar() as bar, bad_lines(skip_bad) as on_bad, _owner_only():
        folder = folder or _recorder().folder
        result = spool.read(folder, source=source, on_bad=on_bad)
        if not save(out, bar.over(result, "visits")):
            click.echo(f"Nothing is recorded in {folder}.", err=True)


@group.command(name="observed")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 35), help="So many days back.")
@json_option
def observed_(days: int, as_json: bool) -> None:
    """Show decisions that ZEROTRUST_MODE "observe" would have made (needs `flask zerotrust`).

    Codes under both values of ZEROTRUST_NEW_BROWSER are estimates for each day.
    """
    state = sharing_guard()
    result = list(observe.days(state.store, now=state.clock(), last=days))
    for day in result if as_json else ():
        click.echo(json.dumps(dataclasses.asdict(day)))
    if as_json:
        return
    for day in result:
        click.echo(
            f"{day.day}  {sum(day.passed.values())} requests pass{_why(day.passed)}, "
            f"{sum(day.asked.values())} are stopped{_why(day.asked)}; "
            f"{day.people_asked} of {day.people} people asked at least once"
        )
        for line in _policies(day):
            click.echo(f"            {line}")
    if not result:
        click.echo('Nothing was counted. Requests to guarded views are, with ZEROTRUST_MODE = "observe".')


def _policies(day: observe.Day) -> list[str]:
    """Return sentences on the codes under both policies, and on users who could not pass one."""
    return [
        f'codes with "challenge": {day.browsers} (one a browser) to {day.sessions} (one a session), '
        f'with "movement": {day.sessions_asked_by_movement}',
        f"{day.without_factor} of {day.people} people have no factor",
    ]


def _why(counts: dict[str, int]) -> str:
    return f" ({', '.join(f'{reason} {n}' for reason, n in counts.items())})" if counts else ""


def _recorder() -> Recorder:
    if click.get_current_context().find_object(ScriptInfo) is None:
        raise ConfigError("Name the folder that ZEROTRUST_RECORD_DIR names.")
    result = the_guard().recorder
    if result is None:
        raise ConfigError("This app records nothing: ZEROTRUST_RECORD_DIR is not set.")
    return result


@contextmanager
def _owner_only() -> Iterator[None]:
    """Keep files that are made meanwhile from everyone but their owner."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _people(visits: Iterable[Recording]) -> Iterator[Recording]:
    """Leave out visits that are labelled as bots. The site says that the rest are people."""
    bots = 0
    from flask_zerotrust.simulate.people import SOURCE

    made_up = 0
    for visit in visits:
        bots += visit.label == "bot"
        made_up += visit.source == SOURCE
        if visit.label != "bot":
            yield visit
    if bots:
        click.echo(f"Left out {bots} visits that are labelled as bots.", err=True)
    if made_up:
        click.echo(
            f"{made_up} visits are of simulated people: fine for a trial, but cut-offs for real visitors "
            "need recorded ones.",
            err=True,
        )
