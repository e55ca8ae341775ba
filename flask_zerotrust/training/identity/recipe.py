"""The background model: which people it is fitted on, and how it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..datasets import SAPIMOUSE_HELD_OUT
from . import bundle, fit, visits

SEED = 20261122


def make(path: str | Path, out: str | Path) -> str:
    """Fit to SapiMouse without the held-out people, write, and return the manifest's SHA-256."""
    people = [r for r in visits.read("sapimouse", path) if r.user not in SAPIMOUSE_HELD_OUT]
    arrays = fit.fit(visits.background_rows(people, seed=SEED))
    arrays |= {"slope": np.array(1.0), "offset": np.array(0.0)}
    provenance = {
        "seed": SEED,
        "people": "SapiMouse (Antal, Fejér and Buza, 2021), no licence stated, citation requested; "
        f"{len({r.user for r in people})} people",
        "held_out": {"sapimouse": list(SAPIMOUSE_HELD_OUT)},
        "calibrated": False,
    }
    return bundle.write_bundle(out, arrays, provenance=provenance)
