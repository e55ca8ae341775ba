"""The commands: ``flask zerotrust ...`` inside an app, ``python -m flask_zerotrust ...`` without one."""

from . import data, model, profile, site
from .common import group

__all__ = ["data", "group", "model", "profile", "site"]
