"""The app that ``doctor`` examines, and its findings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flask import Flask

from flask_zerotrust.web.state import AppState

#: Variables that servers and platforms set where something stands in front of the app.
IN_FRONT = (
    "FORWARDED_ALLOW_IPS",
    "DYNO",
    "KUBERNETES_SERVICE_HOST",
    "WEBSITE_HOSTNAME",
    "K_SERVICE",
    "FLY_APP_NAME",
)

Severity = Literal["error", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: how bad it is, which check found it, the problem, and the fix."""

    severity: Severity
    check: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An app as ``doctor`` meets it, with the environment and the working folder of its servers."""

    app: Flask
    state: AppState
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    folder: Path = field(default_factory=Path.cwd)

    def signs_of_tls(self) -> list[str]:
        """Return the settings and variables that say that users reach the app over HTTPS."""
        config = self.app.config
        signs = [name for name in ("SESSION_COOKIE_SECURE",) if config.get(name)]
        signs += ["PREFERRED_URL_SCHEME"] if config.get("PREFERRED_URL_SCHEME") == "https" else []
        return signs + [name for name in IN_FRONT if self.environ.get(name)]


Check = Callable[[Patient], Iterator[Finding]]
