"""What ``doctor`` examines, and what it finds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flask import Flask

from flask_zerotrust.web.state import Guard

Severity = Literal["error", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: how bad, which check says so, what is wrong, and how to mend it."""

    severity: Severity
    check: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An app as ``doctor`` meets it, with the environment and the working folder of its servers."""

    app: Flask
    guard: Guard
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    folder: Path = field(default_factory=Path.cwd)


Check = Callable[[Patient], Iterator[Finding]]
