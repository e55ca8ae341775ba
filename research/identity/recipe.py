"""The background model: which people it is fitted on, and how it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from research.identity import bundle, calibrate, fit, visits
from research.identity.visits import Visit


def shown(path: str | Path, *, held_out: bool = False) -> list[tuple[Visit, ...]]:
    """Return the visits of the background people of SapiMouse, or of those who are held out."""
    people = [r for r in visits.read("sapimouse", path) if (r.user in SAPIMOUSE_HELD_OUT) == held_out]
    return visits.views(people, seed=visits.SEED)


def make(path: str | Path, out: str | Path) -> str:
    """Fit, calibrate and write the background model; return the manifest's SHA-256."""
    seen = shown(path)
    # Sums of several threads differ in their last bits, and the bundle is to come out the same.
    with threadpool_limits(1):
        arrays = fit.fit(visits.rows(one for views in seen for one in views))
        slope, offset, told = calibrated(seen)
    arrays |= {"slope": np.array(slope), "offset": np.array(offset)}
    provenance = {
        "seed": visits.SEED,
        "people": "SapiMouse (Antal, Fejér and Buza, 2021), no licence stated, citation requested; "
        f"{len({views[0].user for views in seen})} people, 2 visits each, in one sitting",
        "views": list(calibrate.VIEWS),
        "seen": {"sapimouse": sorted({str(views[0].user) for views in seen}, key=int)},
        "held_out": {"sapimouse": list(SAPIMOUSE_HELD_OUT)},
        "calibration": told,
    }
    return bundle.write_bundle(out, arrays, provenance=provenance)


def calibrated(seen: list[tuple[Visit, ...]]) -> tuple[float, float, dict[str, Any]]:
    """Return slope and offset by cross-validation over the people, and what comes of them."""
    deals = range(calibrate.DEALS)
    trials = [t for deal in deals for t in calibrate.fold_trials(seen, seed=visits.SEED + deal)]
    slope, offset = calibrate.line(trials)
    told = {"folds": calibrate.FOLDS, "deals": calibrate.DEALS, "slope": slope, "offset": offset}
    return slope, offset, told | {"outcome": calibrate.outcome(trials, slope, offset)}
