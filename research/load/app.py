"""What gunicorn serves here: one small app, with the extension where the environment names a store.

Keys of its configuration come from the environment, after ``LOAD_``: ``LOAD_ZEROTRUST_STORE``.
"""

from __future__ import annotations

import os

from flask import Flask, Response, render_template_string, request, session

from flask_zerotrust import Factor, ZeroTrust, step_up_required
from flask_zerotrust.factors.totp import TotpFactor
from tests.constants import set_for_good
from tests.integration.sites import SECRET

_PAGE = "<!doctype html><title>t</title>{{ zerotrust_script() }}"


def create_app() -> Flask:
    """Return the app; without a store it is the one that the other is compared with."""
    app = Flask("load", instance_path=os.environ["LOAD_INSTANCE_PATH"])
    app.config["SECRET_KEY"] = "first-key"
    app.config["ZEROTRUST_NEW_BROWSER"] = "movement"  # so that the visitors' movement opens views
    app.config.from_prefixed_env("LOAD")
    set_for_good(app.config)
    app.add_url_rule("/login", view_func=login, methods=["POST"])
    app.add_url_rule("/logout", view_func=logout, methods=["POST"])
    app.after_request(_sign)
    if "ZEROTRUST_STORE" in app.config:
        _guard(app)
    else:
        app.add_url_rule("/secret", view_func=secret)
        app.add_url_rule("/zerotrust/events", view_func=take, methods=["POST"])
    return app


def _guard(app: Flask) -> None:
    zt = ZeroTrust(app)
    # As the app without the extension knows it: what a login library takes for that is not ours.
    zt.user_id_loader(lambda: session.get("_user_id"))
    zt.factors_loader(_factors)
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/secret", view_func=step_up_required(secret))
    app.add_url_rule("/always", "always", step_up_required(always=True)(secret))


def _factors(user: str) -> list[Factor]:
    return [TotpFactor(SECRET)]


def home() -> str:
    """Show a page with the collector, which starts the session's evidence."""
    return render_template_string(_PAGE)


def login() -> str:
    """Take anybody's word for who they are."""
    session["_user_id"] = request.form["username"]
    return "in"


def logout() -> str:
    """Forget who is here."""
    session.clear()
    return "out"


def secret() -> str:
    """Answer what is worth guarding."""
    session.get("_user_id")
    return "the secret"


def take() -> tuple[str, int]:
    """Read what a collector would, and do nothing with it."""
    session.get("_user_id")
    request.get_data()
    return "", 204


def _sign(response: Response) -> Response:
    """Say which worker answered: half an hour is to be spent at both."""
    response.headers["X-Machine"] = str(os.getpid())
    return response
