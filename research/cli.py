"""The commands of ``python -m research``: make what ships again, and measure it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import click
from threadpoolctl import threadpool_limits

from flask_zerotrust.bundles import MANIFEST
from flask_zerotrust.cli.common import (
    Commands,
    bad_lines,
    files_argument,
    jobs_option,
    json_option,
    making_folder,
    new_folder,
    read,
    say_how_to_use,
    seed_option,
    skip_bad_option,
)
from flask_zerotrust.cli.progress_bar import Bar
from flask_zerotrust.errors import RecordingError
from flask_zerotrust.risk import model as scoring
from research import recipe
from research.identity import evaluate
from research.identity import recipe as identity_recipe
from research.report import corpus, headline, page, results


@click.group(name="research", cls=Commands)
def group() -> None:
    """Make the models that ship again, and measure a model on recordings."""


@group.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new bundle.")
@jobs_option
def train_shipped(folder: Path, out: Path, jobs: int) -> None:
    """Make the model that ships again, from the folder with the published data sets."""
    new_folder(out)
    with Bar() as bar, threadpool_limits(jobs):
        say_how_to_use(out, recipe.make(folder, out, jobs=jobs, progress=bar))


@group.command()
@files_argument
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the report.")
@click.option("--model", help="Folder of a bundle; the one that ships if left out.")
@seed_option
@jobs_option
@skip_bad_option
@json_option
def report(
    files: tuple[str, ...],
    out: Path,
    model: str | None,
    seed: int,
    jobs: int,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Write report.html and report.json on labelled recordings.

    People are scored as captured and as rendered, bots as rendered.
    """
    scorer = scoring.load_bundle(model)
    manifest = Path(model or scoring.DEFAULT) / MANIFEST
    with making_folder(out), Bar() as bar, bad_lines(skip_bad) as on_bad:
        given = corpus.given(read(files, on_bad))
        if not given.recordings:
            raise RecordingError(", ".join(files), 'holds no sessions labelled "human" or "bot".')
        built: dict[str, Any] = results.build(
            given,
            scorer,
            seed=seed,
            jobs=jobs,
            manifest=scorer.manifest,
            sha256=hashlib.sha256(manifest.read_bytes()).hexdigest(),
            progress=bar,
        )
    page.write(out, built)
    for line in [json.dumps(built)] if as_json else headline.lines(built):
        click.echo(line)
    for line in headline.missing(built):
        click.echo(line, err=True)
    click.echo(f"Wrote {out / 'report.html'} and report.json (seed {seed}).", err=as_json)


@group.command()
@click.argument("dataset", type=click.Choice(["sapimouse", "balabit"]))
@click.argument("path", type=click.Path(path_type=str))
@click.option(
    "--background",
    help="Folder of a background model, or data of other people to fit one to; else the one that ships.",
)
@json_option
def evaluate_identity(dataset: str, path: str, background: str | None, as_json: bool) -> None:
    """Measure how well the owner of a profile is told from others."""
    report = getattr(evaluate, dataset)(path, background=background)
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"AUC {report['global_auc']}, EER {report['eer']}, trivial rule {report['baseline_auc']}")


@group.command()
@click.argument("path", type=click.Path(path_type=str))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new bundle.")
def train_identity(path: str, out: Path) -> None:
    """Fit a background model to the SapiMouse people who are not held out."""
    new_folder(out)
    sha256 = identity_recipe.make(path, out)
    click.echo(f"Wrote {out}, manifest SHA-256 {sha256}")
