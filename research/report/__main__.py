"""Measures the model that ships on the published data sets; ``make evaluate`` runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flask_zerotrust.cli.progress_bar import Bar, one_line
from flask_zerotrust.risk import model as scoring
from research.report import corpus, headline, left_out, page, results

#: Curves are for the page; the documents keep figures only.
_FOR_THE_PAGE = ("curve",)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the report.")
@click.option("--keep", type=click.Path(path_type=Path), help="File for the figures without the curves.")
@click.option("--data-sets", type=click.Path(path_type=Path), help="File of figures with a set left out.")
@click.option("--refit", is_flag=True, help="Fit anew with each data set left out, into that file.")
@click.option("--seed", default=1, show_default=True)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1))
def main(
    folder: Path, out: Path, keep: Path | None, data_sets: Path | None, refit: bool, seed: int, jobs: int
) -> None:
    """Measure the model that ships on everything in FOLDER."""
    scorer = scoring.load_bundle()
    with Bar() as bar, one_line():
        if refit and data_sets is not None:
            _save(data_sets, left_out.measure(folder, seed=seed, jobs=jobs, progress=bar))
        report = results.build(
            corpus.published(folder),
            scorer,
            seed=seed,
            jobs=jobs,
            manifest=scorer.manifest,
            sha256=scoring.DEFAULT_SHA256,
            progress=bar,
        )
    if data_sets is not None and data_sets.is_file():
        report["held_out_data_sets"] = json.loads(data_sets.read_text(encoding="utf-8"))
    page.write(out, report)
    if keep is not None:
        _save(keep, _without_curves(report))
    for line in headline.lines(report):
        click.echo(line)
    click.echo(f"Wrote {out / 'report.html'} and report.json (seed {seed}).")


def _save(file: Path, figures: Any) -> None:
    text = json.dumps(figures, indent=1, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def _without_curves(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_curves(one) for key, one in value.items() if key not in _FOR_THE_PAGE}
    return value


if __name__ == "__main__":
    main(prog_name="python -m research.report")
