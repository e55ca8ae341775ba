"""Flask-ZeroTrust: ask for a one-time code when movement is suspicious, unknown or stale.

>>> from flask_zerotrust import ZeroTrust, step_up_required, current_risk

Three lines add it to an app: ``ZeroTrust(app)``, ``{{ zerotrust_script() }}`` in the base template,
and ``@step_up_required`` below ``@app.route`` of every view worth protecting.

Where to read on: a protected view goes through ``decorators``, ``enforce`` and ``risk.decide``; movement
comes in through ``views/collector``, ``ingest`` and ``assess``; ``extension`` connects both to an app.
"""

from __future__ import annotations

from . import errors, signals
from .decorators import step_up_required
from .extension import ZeroTrust, current_risk
from .factors.base import Factor
from .stores.base import Store
from .version import __version__

__all__ = [
    "Factor",
    "Store",
    "ZeroTrust",
    "__version__",
    "current_risk",
    "errors",
    "signals",
    "step_up_required",
]
