"""Adds the figures that have a target to what pytest-benchmark writes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest


# Optional: without pytest-benchmark, which `make bench` alone installs, nobody calls it.
@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Write the figures of a whole run beside its times; a part of one has none."""
    from research.benchmarks import figures, parts

    found: dict[str, dict[str, float]] = {}
    for one in output_json["benchmarks"]:
        found.setdefault(one["group"], {})[one["params"]["name"]] = one["stats"]["median"]
    if not found.keys() >= {"collectors", "stores", "views", "scorers", "features"}:
        return
    with tempfile.TemporaryDirectory() as name:
        found["start"] = parts.start(Path(name) / "start", 7)
    found["script"] = {"bytes": parts.script_bytes()}
    found["scorers"]["difference"] = parts.difference(*parts.model())
    output_json["figures"] = figures.rows(found)
