"""The commands: ``flask zerotrust ...`` inside an app, ``python -m flask_zerotrust ...`` without one."""

from . import data, identity, model, site
from .common import group

__all__ = ["data", "group", "identity", "model", "site"]
