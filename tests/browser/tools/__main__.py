"""``python -m tests.browser.tools``: has every tool visit the example app, writes docs/browsers.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from .. import kept
from ..harness import ROOT, find_chromium, serve_bank
from . import with_engines, with_playwright, with_puppeteer, with_script, with_selenium
from .hands import MissingError, Tool
from .visit import Run, visit

TOOLS = (*with_playwright.TOOLS, *with_puppeteer.TOOLS, *with_selenium.TOOLS, *with_script.TOOLS)
FILE = ROOT / "docs" / "browsers.json"
#: Reaches before the transfer is filled in; none is a visit without any pointer.
REACHES = (0, 5, 10, 20)


def main(argv: Sequence[str] | None = None, *, tools: Sequence[Tool] = TOOLS) -> int:
    """Measure the tools that are here; 1 when one of them could not be."""
    known = (*tools, *with_engines.TOOLS)
    parser = argparse.ArgumentParser(prog="python -m tests.browser.tools", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TOOL", help=", ".join(t.key for t in known))
    parser.add_argument("--runs", type=int, default=3, help="of each number of reaches (default: 3)")
    parser.add_argument("--reaches", type=int, nargs="+", default=list(REACHES))
    parser.add_argument("--file", type=Path, default=FILE)
    asked = parser.parse_args(argv)
    if unknown := set(asked.names) - {tool.key for tool in known}:
        parser.error(f"no such tool: {', '.join(sorted(unknown))}")
    chromium = find_chromium()
    if chromium is None:
        parser.error("Chromium is missing: apt-get install chromium, or set ZEROTRUST_TEST_CHROMIUM.")
    lacking = []
    # By themselves those that drive Chromium; other browsers where they are named.
    for tool in [tool for tool in known if tool.key in asked.names] or tools:
        try:
            runs = measure(tool, chromium, reaches=asked.reaches, runs=asked.runs)
        except (MissingError, RuntimeError) as error:
            lacking.append(f"{tool.key}: {error}")
            continue
        kept.put(asked.file, "tools", tool.key, entry(tool, runs))
    for line in lacking:
        print(f"NOT MEASURED. {line}", file=sys.stderr)
    if lacking:
        print(f"What {asked.file.name} held of them stays as it was.", file=sys.stderr)
    return 1 if lacking else 0


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


if __name__ == "__main__":
    sys.exit(main())
