"""Serve the example app for browser tests, and make a fresh one on request.

Run it as ``python -m tests.browser.bank_app PORT FOLDER``. ``POST /__reset__`` replaces the app by a new
one on an empty instance folder, and answers with the path of that folder. The route exists only here:
the example app does not know it.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.serving import run_simple

from example_app import create_app, store
from tests.compiled import share_compiled_templates
from tests.passwords import quick_hash

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

RESET = "/__reset__"


class ResettableBank:
    """A WSGI app that passes requests to the newest bank.

    Parameters
    ----------
    folder : Path
        Folder for the instance folders, one for each bank.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._bank = self._fresh()

    def _fresh(self) -> Flask:
        return create_app({"INSTANCE": str(self.folder / f"instance-{next(self._numbers)}")})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != RESET or environ["REQUEST_METHOD"] != "POST":
            return self._bank(environ, start_response)
        self._bank = self._fresh()
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [self._bank.instance_path.encode()]


if __name__ == "__main__":
    port, folder = sys.argv[1:]
    store.generate_password_hash = quick_hash
    share_compiled_templates()
    run_simple("127.0.0.1", int(port), ResettableBank(Path(folder)), threaded=True)
