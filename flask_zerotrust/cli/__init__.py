"""The commands: ``flask zerotrust ...`` inside an app, ``python -m flask_zerotrust ...`` without one."""

from . import data, doctor, model, people, site
from .common import group

__all__ = ["data", "doctor", "group", "model", "people", "site"]
