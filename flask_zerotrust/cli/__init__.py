"""The commands: ``flask zerotrust ...`` inside an app, ``python -m flask_zerotrust ...`` without one."""

from flask_zerotrust.cli import browsers, data, doctor, factors, model, profile, sessions, site
from flask_zerotrust.cli.common import group

__all__ = ["browsers", "data", "doctor", "factors", "group", "model", "profile", "sessions", "site"]
