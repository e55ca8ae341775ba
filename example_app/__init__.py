"""Harbour Bank: a small bank that shows Flask-ZeroTrust at work. Start it with ``make demo``."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from flask import Flask
from werkzeug.wrappers import Response

from . import customers, errors, forms, pages, store
from .extensions import login_manager, zt

#: Nothing inline, nothing from elsewhere: the extension works under it too.
CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the bank, ready to run: a fresh checkout needs no further set-up.

    Parameters
    ----------
    config : mapping, optional
        Overrides for ``app.config``, as are environment variables with the prefix ``FLASK_``.
        ``INSTANCE`` names another instance folder; so does ``EXAMPLE_APP_INSTANCE`` in the
        environment.
    """
    overrides = dict(config or {})
    instance = overrides.pop("INSTANCE", None) or os.environ.get("EXAMPLE_APP_INSTANCE")
    app = Flask(__name__, instance_path=str(Path(instance).resolve()) if instance else None)
    Path(app.instance_path).mkdir(mode=0o700, parents=True, exist_ok=True)
    app.config.update(
        SESSION_COOKIE_SAMESITE="Lax",
        ZEROTRUST_EXPOSE_RISK=True,  # for this demo only: a score on show tells a bot how it is doing
        ZEROTRUST_SMS_SENDER="console",
        ZEROTRUST_EMAIL_SENDER="console",
        # Browsers make passkeys for names, not for numbers: open http://localhost instead of 127.0.0.1.
        ZEROTRUST_PASSKEYS=find_spec("webauthn") is not None,
        ZEROTRUST_IDENTITY=True,  # of customers who switch it on, see security.html
        ZEROTRUST_ISSUER="Harbour Bank",
    )
    app.config.from_prefixed_env()
    app.config.update(overrides)
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = _own_secret_key(Path(app.instance_path) / "secret_key")

    store.init_app(app)
    login_manager.init_app(app)
    zt.init_app(app)
    forms.init_app(app)
    errors.init_app(app)
    app.register_blueprint(customers.blueprint)
    app.register_blueprint(pages.blueprint)
    app.after_request(_harden)
    return app


def _own_secret_key(path: Path) -> str:
    """Return the instance's key; the first start makes it, and nobody else may read it.

    It appears under its name only when it is complete, so workers that start together share one.
    """
    if not path.exists():
        with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii")


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response
