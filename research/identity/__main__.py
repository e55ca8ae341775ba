"""Writes docs/identity.json: ``python -m research.identity DATA OUT``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flask_zerotrust.cli.progress_bar import needed, one_line
from research.identity.study import measure


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(data: Path, out: Path) -> None:
    """Measure the background model that ships on the archives in the folder DATA; writes OUT."""
    with one_line():
        needed(data)
        found = measure(data)
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(prog_name="python -m research.identity")
