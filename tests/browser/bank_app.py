"""Serve the example app for browser tests, and make a fresh one on request.

Run it as ``python -m tests.browser.bank_app PORT FOLDER [PATH]``; the bank lies below the path. ``POST
/__reset__`` replaces the app by a new one on an empty instance folder, and answers with the path of that
folder. ``POST /__rekey__`` replaces it by one with a new SECRET_KEY on the same folder. ``POST
/__later__?s=60`` sets the extension's clock forward. ``GET /__guarded__`` is a guarded page that a link can
open. The routes exist only here: the example app does not know them.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request

from example_app import create_app, extensions, pages, store
from flask_zerotrust import step_up_required
from tests.compiled import share_compiled_templates
from tests.passwords import quick_hash

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

RESET, REKEY, LATER, GUARDED = "/__reset__", "/__rekey__", "/__later__", "/__guarded__"


class ResettableBank:
    """A WSGI app that passes requests to the newest bank.

    Parameters
    ----------
    folder : Path
        Folder for the instance folders, one for each bank.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ahead_s = 0.0
        self._numbers = itertools.count(1)
        self._bank = self._fresh()

    def clock(self) -> float:
        """Return wall-clock seconds, as far ahead as they were set."""
        return time.time() + self.ahead_s

    def _fresh(self) -> Flask:
        self.ahead_s = 0.0
        extensions.zt._clock = self.clock
        app = create_app({"INSTANCE": str(self.folder / f"instance-{next(self._numbers)}")})
        app.add_url_rule(GUARDED, "guarded", step_up_required(action="go on")(pages.account))
        return app

    def _rekeyed(self) -> Flask:
        """Return the same bank after its SECRET_KEY was changed."""
        keys = {"SECRET_KEY": "a-new-key", "SECRET_KEY_FALLBACKS": [self._bank.config["SECRET_KEY"]]}
        return create_app({"INSTANCE": self._bank.instance_path, **keys})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        route = environ["PATH_INFO"] if environ["REQUEST_METHOD"] == "POST" else ""
        make = {RESET: self._fresh, REKEY: self._rekeyed}.get(route)
        if make is not None:
            self._bank = make()
        elif route == LATER:
            self.ahead_s += float(Request(environ).args["s"])
        else:
            return self._bank(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [self._bank.instance_path.encode()]


if __name__ == "__main__":
    port, folder, *below = sys.argv[1:]
    store.generate_password_hash = quick_hash
    share_compiled_templates()
    bank = ResettableBank(Path(folder))
    site = DispatcherMiddleware(NotFound(), dict.fromkeys(below, bank)) if below else bank
    run_simple("127.0.0.1", int(port), site, threaded=True)
