"""One run of wrk, and what it found."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from research.load.serving import THREADS, WORKERS, Served
from tests.servers import program

SCRIPT = Path(__file__).with_name("requests.lua")
# As many requests under way as there are threads to answer them; more would only queue.
CONNECTIONS = WORKERS * THREADS
WANTED = {"events": "204", "view": "200"}


@dataclass(frozen=True, slots=True)
class Run:
    """Requests a second, and the time an answer took in the median and in the slowest hundredth, in ms."""

    per_s: float
    p50_ms: float
    p99_ms: float


def press(served: Served, visitors: Path, movements: Path, kind: str, *, seconds: float, first: int) -> Run:
    """Send batches or open a page as fast as answers come; ``first`` is the first number of a batch.

    Raises
    ------
    RuntimeError
        Where an answer was none that was asked for: a refusal would be quick.
    """
    wrk = [
        program("wrk", "wrk"),
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "30s",
    ]
    words = ["-s", str(SCRIPT), served.url, "--", str(visitors), str(movements), kind, str(first)]
    said = subprocess.run([*wrk, *words], capture_output=True, text=True, check=True).stdout
    return read(said, WANTED[kind])


def read(said: str, wanted: str) -> Run:
    """Return what the last line of wrk's output says, if every answer was the wanted one."""
    found = json.loads(said.splitlines()[-1])
    if found["broken"] or set(found["statuses"]) != {wanted}:
        raise RuntimeError(f"not every answer was {wanted}: {found['statuses']}, {found['broken']} broken")
    return Run(1e6 * found["requests"] / found["us"], found["p50_us"] / 1e3, found["p99_us"] / 1e3)
