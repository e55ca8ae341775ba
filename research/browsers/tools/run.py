"""Have every tool visit the example app: ``python -m research tools``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from flask_zerotrust.simulate.visits import known
from research.browsers.chromium import the_chromium
from research.browsers.tools import (
    with_engines,
    with_playwright,
    with_puppeteer,
    with_script,
    with_selenium,
)
from research.browsers.tools.hands import MissingError, Tool
from research.browsers.tools.visit import Run, visit
from tests.browser import kept
from tests.browser.harness import serve_bank

TOOLS = (*with_playwright.TOOLS, *with_puppeteer.TOOLS, *with_selenium.TOOLS, *with_script.TOOLS)
#: Reaches before the transfer is filled in; none is a visit without any pointer.
REACHES = (0, 5, 10, 20)


def measure_all(names: Sequence[str], *, reaches: Sequence[int], runs: int, file: Path) -> list[str]:
    """Measure the tools that are named, or all that drive Chromium; return which could not be.

    Raises
    ------
    ConfigError
        For a name that there is not, or without Chromium.
    """
    every = {tool.key: tool for tool in (*TOOLS, *with_engines.TOOLS)}
    chosen = [every[name] for name in known(names, every, "tool")] if names else TOOLS
    chromium = the_chromium()
    lacking = []
    for tool in chosen:
        try:
            found = measure(tool, chromium, reaches=reaches or REACHES, runs=runs)
        except (MissingError, RuntimeError) as error:
            lacking.append(f"{tool.key}: {error}")
            continue
        kept.put(file, "tools", tool.key, entry(tool, found))
    return lacking


def measure(tool: Tool, chromium: str, *, reaches: Sequence[int], runs: int) -> list[Run]:
    """Have a tool visit a fresh bank with a fresh browser, so often for each number of reaches.

    Fresh, because whoever was high once is asked in all further sessions too.
    """
    found = []
    for count in reaches:
        for seed in range(runs):
            with (
                TemporaryDirectory() as folder,
                serve_bank(Path(folder), ZEROTRUST_NEW_BROWSER="movement") as bank,
                tool.open(chromium, seed) as hand,
            ):
                run = visit(hand, bank, reaches=count, seed=seed)
            print(f"{tool.key}: {run}", flush=True)
            found.append(run)
    return found


def entry(tool: Tool, runs: Sequence[Run]) -> dict[str, object]:
    """Return what is kept of a tool."""
    return {
        "title": tool.title,
        "movement": tool.movement,
        "versions": tool.versions(),
        **kept.stamp(tool.browser),
        "runs": [run.kept() for run in runs],
    }
