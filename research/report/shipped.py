"""Measure the model that ships on the published data sets; ``make evaluate`` runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask_zerotrust.risk import model as scoring
from research.report import corpus, left_out, page, results
from research.report.results import Progress

#: Curves are for the page; the documents keep figures only.
_FOR_THE_PAGE = ("curve",)


def measure(
    folder: Path,
    out: Path,
    *,
    keep: Path | None,
    data_sets: Path | None,
    refit: bool,
    seed: int,
    jobs: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the report on everything in the folder, which also lands in ``out``.

    Parameters
    ----------
    keep : Path, optional
        File for the figures without the curves.
    data_sets : Path, optional
        File of figures with a data set left out, read and shown.
    refit : bool
        Fit models without each data set first, and write ``data_sets``.
    """
    scorer = scoring.load_bundle()
    if refit and data_sets is not None:
        _save(data_sets, left_out.measure(folder, seed=seed, jobs=jobs, progress=progress))
    report = results.build(
        corpus.published(folder),
        scorer,
        seed=seed,
        jobs=jobs,
        manifest=scorer.manifest,
        sha256=scoring.DEFAULT_SHA256,
        progress=progress,
    )
    if data_sets is not None and data_sets.is_file():
        report["held_out_data_sets"] = json.loads(data_sets.read_text(encoding="utf-8"))
    page.write(out, report)
    if keep is not None:
        _save(keep, _without_curves(report))
    return report


def _save(file: Path, figures: Any) -> None:
    text = json.dumps(figures, indent=1, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def _without_curves(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_curves(one) for key, one in value.items() if key not in _FOR_THE_PAGE}
    return value
