"""Flask-ZeroTrust: ask for a code in every new browser, and again when movement looks like a machine's.

>>> from flask_zerotrust import ZeroTrust, step_up_required, current_risk

Four lines add it to an app: ``ZeroTrust(app)``, ``{{ zerotrust_script() }}`` in the base template,
``@step_up_required`` below ``@app.route`` of every view worth protecting, and a factor in
``@zt.factors_loader``.

Where to read on: ``web.decorator``, ``web.enforce`` and ``risk.level.decide`` protect a view. Movement
comes in through ``web.views.movement``, ``web.ingest`` and ``risk.assess``. ``extension`` connects both to
an app.
"""

from __future__ import annotations

from flask_zerotrust import errors, factors, signals
from flask_zerotrust.config import NEVER_PARK
from flask_zerotrust.extension import ZeroTrust, current_risk
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.stores.base import Store
from flask_zerotrust.web.decorator import step_up_required
from flask_zerotrust.web.script_tag import zerotrust_script
from flask_zerotrust.web.visit import CurrentRisk

__all__ = [
    "NEVER_PARK",
    "CurrentRisk",
    "Factor",
    "Store",
    "ZeroTrust",
    "__version__",
    "current_risk",
    "errors",
    "factors",
    "signals",
    "step_up_required",
    "zerotrust_script",
]

__version__ = "0.1.0"
