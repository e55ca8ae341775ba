"""Commands about a model: train, evaluate, score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from flask_zerotrust.cli.common import (
    bad_lines,
    files_argument,
    group,
    jobs_option,
    json_option,
    new_folder,
    read,
    render_option,
    say_how_to_use,
    seed_option,
    skip_bad_option,
)
from flask_zerotrust.cli.progress_bar import Bar
from flask_zerotrust.errors import ConfigError, RecordingError
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.model import DEFAULT_SHA256, BundleScorer, load_bundle

if TYPE_CHECKING:
    from flask_zerotrust.training.replay_memory import Remembered


@group.command()
@files_argument
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new bundle.")
@click.option("--from-scratch", is_flag=True, help="Do not begin with the model that ships.")
@click.option(
    "--calibrate-on",
    multiple=True,
    help="Recordings of people that only set the thresholds, with --from-scratch.",
)
@click.option("--name", default="custom", show_default=True, help="Name of the model in its manifest.")
@click.option(
    "--trees", type=click.IntRange(1), help="Number of trees. Fewer train faster and are less accurate."
)
@click.option(
    "--render/--no-render", default=True, help="Show sessions through simulated browsers (default)."
)
@seed_option
@jobs_option
@skip_bad_option
@json_option
def train(
    files: tuple[str, ...],
    out: Path,
    from_scratch: bool,
    calibrate_on: tuple[str, ...],
    name: str,
    trees: int | None,
    render: bool,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Train the model that ships further with people and bots, and write the bundle."""
    from threadpoolctl import threadpool_limits

    from flask_zerotrust.training import bundle, fit
    from flask_zerotrust.training.further import train_further

    if calibrate_on and not from_scratch:
        raise ConfigError(
            "--calibrate-on needs --from-scratch: a model that is trained further keeps its thresholds. "
            "The calibrate command sets them by your own people."
        )
    new_folder(out)
    terms: dict[str, Any] = {"seed": seed, "jobs": jobs, "render": render}
    if trees is not None:
        terms["trees"] = trees
    with Bar() as bar, bad_lines(skip_bad) as on_bad:
        shown = list(bar.over(read(files, on_bad), "reading"))
        sources = Counter(f"{r.source} ({r.label or 'no label'})" for r in shown)
        provenance: dict[str, Any] = {"sessions": dict(sorted(sources.items())), "rendered": render}
        with threadpool_limits(jobs):
            if from_scratch:
                _warn_of_simulated_people(shown)
                people = list(read(calibrate_on, on_bad))
                model = fit.train(shown, calibration=people, progress=bar, **terms).scorer()
                provenance["calibrated_on"] = dict(sorted(Counter(r.source for r in people).items()))
            else:
                start = load_bundle()
                model = train_further(start, shown, progress=bar, **terms)
                provenance["began_with"] = {"sha256": DEFAULT_SHA256, **start.manifest["provenance"]}
    sha256 = bundle.write_bundle(out, model, seed=seed, name=name, provenance=provenance)
    if as_json:
        click.echo(json.dumps({"bundle": str(out), "sha256": sha256, **provenance}))
        return
    say_how_to_use(out, sha256)


@group.command()
@files_argument
@click.option("--model", help="Folder of a bundle; the one that ships if left out.")
@render_option
@seed_option
@jobs_option
@skip_bad_option
@json_option
def evaluate(
    files: tuple[str, ...],
    model: str | None,
    render: bool,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Add up how often each kind of visitor would be asked for a code."""
    from flask_zerotrust.training import summary

    with Bar() as bar, bad_lines(skip_bad) as on_bad:
        scored = list(bar.over(_scored(files, model, render, seed, jobs, on_bad), "sessions"))
    rows = list(summary.summarise(scored))
    for line in map(json.dumps, rows) if as_json else summary.table(rows):
        click.echo(line)


@group.command()
@files_argument
@click.option("--model", help="Folder of a bundle; the one that ships if left out.")
@render_option
@click.option(
    "--memory",
    type=click.IntRange(1),
    help="Know strokes of earlier sessions again, so many of them; needs --jobs 1.",
)
@seed_option
@jobs_option
@skip_bad_option
@json_option
def score(
    files: tuple[str, ...],
    model: str | None,
    render: bool,
    memory: int | None,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Score sessions in file order, each as its own visitor."""
    if memory is not None and jobs != 1:
        raise ConfigError("--memory needs --jobs 1: sessions are known again in the order of the files.")
    with Bar() as bar, bad_lines(skip_bad) as on_bad:
        result = _scored(files, model, render, seed, jobs, on_bad, memory=memory)
        for line in bar.over(result, "sessions"):
            click.echo(json.dumps(line) if as_json else _sentence(line))


def _scored(
    files: tuple[str, ...],
    model: str | None,
    render: bool,
    seed: int,
    jobs: int,
    on_bad: Callable[[RecordingError], None] | None,
    *,
    memory: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the score of every session, in file order whatever the number of jobs."""
    from flask_zerotrust.training.replay_memory import Remembered

    scorer = load_bundle(model)
    tasks = (
        (recording, scorer, (seed, number) if render else None)
        for number, recording in enumerate(read(files, on_bad))
    )
    if jobs == 1:
        known = Remembered(memory) if memory is not None else None
        yield from (_score(*task, known) for task in tasks)
        return
    import joblib

    yield from joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=4)(
        joblib.delayed(_score)(*task) for task in tasks
    )


def _score(
    recording: Recording,
    scorer: BundleScorer,
    seed: tuple[int, int] | None,
    known: Remembered | None = None,
) -> dict[str, Any]:
    from flask_zerotrust.training.evaluate import score_session

    rng = None if seed is None else np.random.default_rng(seed)
    options = {} if known is None else known.next(recording)
    return score_session(recording, scorer, render_rng=rng, **options)


def _sentence(line: dict[str, Any]) -> str:
    end = line["after"]["all"]
    verdict = "asked for a code" if end["step_up"] else "passes"
    return (
        f"{line['session']}: {line['strokes']} strokes, risk {end['risk']:.2f} ({end['level']}), {verdict}"
        + (f" [{', '.join(line['reasons'])}]" if line["reasons"] else "")
    )


def _warn_of_simulated_people(shown: Iterable[Recording]) -> None:
    from flask_zerotrust.simulate.people import SOURCE

    count = sum(recording.source == SOURCE for recording in shown)
    if count:
        click.echo(
            f"{count} sessions are of simulated people: fine for a demo, but a model for real visitors "
            "needs recorded ones.",
            err=True,
        )
