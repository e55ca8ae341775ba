"""One machine of several: the small app under a real clock, served by a process of its own."""

from __future__ import annotations

import os
import time

import numpy as np
from flask import Flask, Response, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_zerotrust import movement

from .sites import POLICY, FixedScorer, build_app

_EFFICIENCY = movement.FEATURE_NAMES.index("efficiency")


class StraightScorer(FixedScorer):
    """Takes straight strokes for a bot's: several processes have to judge alike, with no test inside."""

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        return np.where(features[:, _EFFICIENCY] > 0.999, 4.0, -2.0)


def create_app() -> Flask:
    """Return the app over the store that the environment names."""
    site = build_app(
        time.time,  # type: ignore[arg-type]
        StraightScorer(policy=POLICY),
        ZEROTRUST_STORE=os.environ["MACHINE_STORE"],
        SESSION_COOKIE_SECURE=True,
    )
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]

    @site.app.get("/whoami")
    def whoami() -> dict[str, str]:
        return {"address": str(request.remote_addr), "url": url_for("home", _external=True)}

    @site.app.after_request
    def sign(response: Response) -> Response:
        response.headers["X-Machine"] = os.environ["MACHINE_NAME"]
        return response

    return site.app
