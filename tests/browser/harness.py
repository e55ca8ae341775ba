"""What the browser tests and the screenshot command share: finding Chromium, serving the bank."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
BINARIES = ("chromium", "chromium-browser", "google-chrome")
#: Quiet start, no traffic of its own, and no sandbox because CI runs as root.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A busy two-core machine needs about two seconds to import and bind.
START_S = 30.0


def find_chromium() -> str | None:
    """Return the Chromium to drive: ``ZEROTRUST_TEST_CHROMIUM``, else the first one on PATH."""
    named = os.environ.get("ZEROTRUST_TEST_CHROMIUM")
    if named:
        return shutil.which(named)
    return next((found for name in BINARIES if (found := shutil.which(name))), None)


def missing(what: str, hint: str) -> None:
    """Fail in CI, skip loudly elsewhere: a proof that quietly did not run proves nothing."""
    text = f"{what} is missing: {hint}"
    if os.environ.get("CI"):
        pytest.fail(text, pytrace=False)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(f"NOT TESTED. {text}", stacklevel=2)
    pytest.skip(text)


@dataclass(frozen=True, slots=True)
class Bank:
    """The example app in a process of its own, on an instance folder of its own."""

    url: str
    instance: Path
    log: Path

    def output(self) -> str:
        """Return what the process wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serve_bank(folder: Path, **config: object) -> Iterator[Bank]:
    """Run the example app as ``make demo`` does, its instance folder and log in ``folder``.

    ``config`` holds keys of the app's configuration that differ.
    """
    keys = {f"FLASK_{name}": json.dumps(value) for name, value in config.items()}
    port = free_port()
    bank = Bank(f"http://127.0.0.1:{port}", folder / "instance", folder / "bank.log")
    command = [sys.executable, "-m", "flask", "--app", "example_app", "run", "--debug"]
    with bank.log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--no-reload", "--no-debugger", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **keys, "EXAMPLE_APP_INSTANCE": str(bank.instance), "OMP_NUM_THREADS": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(bank, process)
        yield bank
    finally:
        _stop(process)


def _wait_until_it_answers(bank: Bank, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(bank.url + "/login", timeout=5).close()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"/login answered {error.code}:\n{bank.output()}") from error
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"The example app did not come up:\n{bank.output()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
