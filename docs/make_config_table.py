"""Writes the table of settings in configuration.md from the Settings class.

usage: python docs/make_config_table.py
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from flask_zerotrust.config import PREFIX, Settings

PAGE = Path(__file__).parent / "configuration.md"
START, END = "<!-- table: start -->", "<!-- table: end -->"


def table() -> str:
    """Return one row for every setting, in the order of the class."""
    rows = ["| key | default | range | meaning |", "|---|---|---|---|"]
    for f in dataclasses.fields(Settings):
        cells = (f"`{PREFIX}{f.name.upper()}`", f"`{_short(f.default)}`", _range(f), f.metadata["doc"])
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _short(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:_.10g}"
    if isinstance(value, tuple) and len(value) > 5:
        return f"[{', '.join(map(repr, value[:5]))}, and {len(value) - 5} more]"
    if dataclasses.is_dataclass(value):
        entries = dataclasses.fields(value)
        return "{" + ", ".join(f"{f.name!r}: {_short(f.default)}" for f in entries) + "}"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def _range(f: dataclasses.Field[Any]) -> str:
    low, high = f.metadata["low"], f.metadata["high"]
    return "" if low is None else f"{low:_} to {high:_}"


def page(text: str) -> str:
    """Return the text of the page with a fresh table between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
