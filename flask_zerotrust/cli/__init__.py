"""The commands: ``flask zerotrust ...`` inside an app, ``python -m flask_zerotrust ...`` without one."""

from . import data, doctor, identity, model, people, profile, site
from .common import group

__all__ = ["data", "doctor", "group", "identity", "model", "people", "profile", "site"]
