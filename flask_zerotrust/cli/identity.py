"""Commands about identity: evaluate-identity, train-identity."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .common import group, json_option, load, new_folder


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
    report = getattr(load("identity.evaluate"), dataset)(path, background=background)
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
    sha256 = load("identity.recipe").make(path, out)
    click.echo(f"Wrote {out}, manifest SHA-256 {sha256}")
