"""The first hour of a newcomer: the README's app as pasted, under `flask run`, to a code that arrives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.forms import form_to, form_with
from tests.ports import free_port
from tests.servers import answers_on, wait_until

ROOT = Path(__file__).resolve().parents[2]
# What a browser sends when it opens a page, or submits a form of the same site.
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


class Newcomer:
    """One browser at a site, and the terminal in which `flask run` prints."""

    def __init__(self, site: str, terminal: Path) -> None:
        self._site, self._terminal, self._browser = site, terminal, requests.Session()

    def opens(self, path: str) -> str:
        return self._browser.get(self._site + path, headers=BROWSER, timeout=60).text

    def submits(self, page: str, ending: str = "", **typed: str) -> requests.Response:
        """Submit the form that posts to a target with this ending, or the one for what is typed."""
        form = form_to(page, ending) if ending else form_with(page, *typed)
        headers = {**BROWSER, "Origin": self._site}
        data = {**form.fields, **typed}
        return self._browser.post(self._site + form.action, data=data, headers=headers, timeout=60)

    def terminal(self) -> str:
        return self._terminal.read_text()


def readme_app() -> str:
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    return code


def served(folder: Path, *options: str) -> Iterator[Newcomer]:
    """Serve the README's app from a folder with nothing else in it."""
    (folder / "app.py").write_text(readme_app())
    port, terminal = free_port(), folder / "terminal"
    command = [sys.executable, "-m", "flask", "--app", "app", "run", *options, "--port", str(port)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with terminal.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
        try:
            wait_until(lambda: answers_on(port), "the README's app", process)
            yield Newcomer(f"http://localhost:{port}", terminal)
        finally:
            process.terminate()
            process.wait()


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    yield from served(tmp_path, "--debug", "--no-reload")


@pytest.fixture
def without_debug(tmp_path: Path) -> Iterator[Newcomer]:
    yield from served(tmp_path)


def test_the_readmes_app_ends_in_a_code_that_arrives(newcomer: Newcomer) -> None:
    page = newcomer.submits(newcomer.opens("/"), "/login").text
    assert "This browser is new" in page
    challenge = newcomer.submits(page, "/transfer").text
    sent = newcomer.submits(challenge, "/send").text
    (code,) = re.findall(r"^([0-9]{6})$", newcomer.terminal(), re.MULTILINE)
    confirm = newcomer.submits(sent, code=code).text
    assert newcomer.submits(confirm, "/transfer").text == "Sent. This browser is session."


def test_without_debug_the_first_page_says_what_the_factor_lacks(without_debug: Newcomer) -> None:
    assert "This browser is new" in without_debug.opens("/")
    assert "ZEROTRUST_EMAIL_SENDER" in without_debug.terminal()
    assert "--debug" in without_debug.terminal()


def test_the_four_lines_are_numbered_in_the_readmes_app() -> None:
    assert sorted(re.findall(r"# (one|two|three|four)\b", readme_app())) == ["four", "one", "three", "two"]


def test_make_demo_names_an_address_for_which_browsers_make_passkeys() -> None:
    made = subprocess.run(
        ["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "The example app: http://localhost:5000 " in made
    assert "--host localhost" in made
