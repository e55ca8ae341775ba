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
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.constants import VARIABLE, split
from tests.ports import free_port

from .bank_app import REKEY, RESET

ROOT = Path(__file__).resolve().parents[2]
#: Module that serves a resettable bank.
BANK_APP = "tests.browser.bank_app"
BINARIES = ("chromium", "chromium-browser", "google-chrome")
HEADLESS = "chromium-headless-shell"
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
# Importing and binding takes about two seconds on a busy two-core machine.
START_S = 60.0


def find_chromium() -> str | None:
    """Return the Chromium to drive: ``ZEROTRUST_TEST_CHROMIUM``, else the first one on PATH."""
    named = os.environ.get("ZEROTRUST_TEST_CHROMIUM")
    if named:
        return shutil.which(named)
    return next((found for name in BINARIES if (found := shutil.which(name))), None)


def find_headless_chromium() -> str | None:
    """Return the Chromium to drive without a window: Debian's headless shell, which costs a third less."""
    if os.environ.get("ZEROTRUST_TEST_CHROMIUM"):
        return find_chromium()
    return shutil.which(HEADLESS) or find_chromium()


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

    ``config`` holds keys of the app's configuration, and constants of flask_zerotrust.config, that differ.
    """
    port, instance = free_port(), folder / "instance"
    flask = ["flask", "--app", "example_app", "run", "--debug", "--no-reload", "--no-debugger"]
    bank = Bank(f"http://127.0.0.1:{port}", instance, folder / "bank.log")
    with _running(bank, [*flask, "--port", str(port)], {"EXAMPLE_APP_INSTANCE": str(instance)}, config):
        yield bank


@contextmanager
def serve_resettable_bank(folder: Path, *, below: str = "", **config: object) -> Iterator[Bank]:
    """Run the example app so that :func:`reset` can make it forget everything.

    ``below`` is the path that it is mounted at, such as ``"/bank"``. ``config`` holds keys of the app's
    configuration that differ.
    """
    port = free_port()
    bank = Bank(f"http://127.0.0.1:{port}{below}", folder / "instance-1", folder / "bank.log")
    command = [BANK_APP, str(port), str(folder), *([below] if below else [])]
    with _running(bank, command, {"FLASK_DEBUG": "1"}, config):
        yield bank


def reset(bank: Bank) -> Bank:
    """Replace a resettable bank by a fresh one at the same address, and return it."""
    request = urllib.request.Request(bank.url + RESET, method="POST")
    with urllib.request.urlopen(request, timeout=START_S) as answer:
        return replace(bank, instance=Path(answer.read().decode()))


def rekey(bank: Bank) -> None:
    """Give a resettable bank a new SECRET_KEY. The former one is a fallback."""
    request = urllib.request.Request(bank.url + REKEY, method="POST")
    urllib.request.urlopen(request, timeout=START_S).close()


@contextmanager
def _running(
    bank: Bank, module: list[str], env: dict[str, str], config: dict[str, object]
) -> Iterator[None]:
    """Run a module that serves the bank, until the block ends."""
    constants, keys = split(config)
    keys = {f"FLASK_{name}": json.dumps(value) for name, value in keys.items()}
    keys[VARIABLE] = json.dumps(constants)
    with bank.log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.constants", *module],
            cwd=ROOT,
            env={**os.environ, **keys, **env, "OMP_NUM_THREADS": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(bank, process)
        yield
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
