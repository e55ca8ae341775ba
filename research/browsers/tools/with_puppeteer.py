"""Puppeteer with ghost-cursor, from npm, in a Node process that takes orders."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from research.browsers.tools.hands import HIGH, KEY_PAUSE_S, WIDE, Hand, MissingError, Tool
from tests.browser.harness import FLAGS, ROOT
from tests.browser.movers import Point

DRIVER = Path(__file__).with_name("ghost.cjs")
#: Outside of version control; ``make clean`` removes it.
FOLDER = ROOT / "build" / "tools"
#: Newer majors of puppeteer-core want a newer Node than Debian's.
PACKAGES = {"puppeteer-core": "24", "ghost-cursor": "1"}
#: Ends what hangs; ghost-cursor rests for up to two seconds after a move.
INSTALL_S, STOP_S = 300, 15


class Puppeteer:
    """Puppeteer's page and keyboard, ghost-cursor's hand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def goto(self, url: str) -> None:
        self._order("goto", url)

    def evaluate(self, expression: str) -> Any:
        return self._order("evaluate", expression)

    def move(self, to: Point) -> None:
        self._order("move", list(to))

    def press(self) -> None:
        self._order("press")

    def click(self, selector: str) -> None:
        self._order("click", selector)

    def type(self, text: str) -> None:
        self._order("type", [text, 1e3 * KEY_PAUSE_S])

    def enter(self, selector: str, text: str) -> None:
        self._order("enter", [selector, text])

    def submit(self, selector: str) -> None:
        self._order("submit", selector)

    def _order(self, name: str, value: Any = None) -> Any:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"name": name, "value": value}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"Node ended at the order {name!r}; its words stand above.")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{name}: {answer['error']}")
        return answer["value"]


def install() -> None:
    """Have the packages in ``build/tools``; says what to do where that cannot be."""
    if all((FOLDER / "node_modules" / name).is_dir() for name in PACKAGES):
        return
    lacking = [name for name in ("node", "npm") if shutil.which(name) is None]
    if lacking:
        raise MissingError(f"{' and '.join(lacking)} is missing: apt-get install nodejs npm")
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = [f"{name}@{major}" for name, major in PACKAGES.items()]
    quiet = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(
        ["npm", "install", "--prefix", str(FOLDER), *quiet, *wanted],
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MissingError(f"npm install {' '.join(wanted)} failed: {last}")


def versions() -> dict[str, str]:
    """Return what drives the browser."""
    files = {name: FOLDER / "node_modules" / name / "package.json" for name in PACKAGES}
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    found = {name: json.loads(file.read_text(encoding="utf-8"))["version"] for name, file in files.items()}
    return {**found, "node": node.strip().lstrip("v")}


@contextmanager
def _open(chromium: str, seed: int) -> Iterator[Hand]:
    """Start Node with a fresh browser; ghost-cursor draws its own chance, so the seed goes unused."""
    install()
    command = ["node", str(DRIVER), str(FOLDER), chromium, str(WIDE), str(HIGH), *FLAGS]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Puppeteer(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


TOOLS = (Tool("ghost-cursor", "Puppeteer + ghost-cursor", "ghost-cursor's own", _open, versions),)
