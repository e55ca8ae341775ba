"""Describe the machine on which something is measured."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any


def machine() -> dict[str, Any]:
    """Return the number of cores and the versions that figures depend on."""
    libraries = ("flask", "numpy", "scikit-learn")
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }
