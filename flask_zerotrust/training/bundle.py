"""Writes a model as the bundle that it is loaded from."""

from __future__ import annotations

import hashlib
import io
import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from flask_zerotrust.bundles import MANIFEST
from flask_zerotrust.movement import FEATURE_NAMES
from flask_zerotrust.risk.model import (
    ARRAYS,
    SCHEMA,
    BundleScorer,
    Calibration,
    Trees,
    features_sha256,
)


def write_bundle(
    folder: str | Path,
    scorer: BundleScorer,
    *,
    seed: int,
    name: str = "custom",
    provenance: dict[str, Any],
    metrics: dict[str, Any] | None = None,
) -> str:
    """Write arrays and manifest. Return the SHA-256 of the manifest (``ZEROTRUST_MODEL`` takes it).

    The same model gives the same bytes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = _arrays(scorer)
    manifest = {
        "schema": SCHEMA,
        "name": name,
        "features": list(FEATURE_NAMES),
        "features_sha256": features_sha256(),
        "arrays_sha256": hashlib.sha256(data).hexdigest(),
        "policy": asdict(scorer.policy),
        "seed": seed,
        "libraries": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "provenance": provenance,
        "metrics": metrics or {},
    }
    text = (json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    (folder / ARRAYS).write_bytes(data)
    (folder / MANIFEST).write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def _arrays(scorer: BundleScorer) -> bytes:
    networks, second = scorer.networks, scorer.second
    layers: dict[str, Any] = {f"weights_{i}": values for i, values in enumerate(networks.weights)}
    layers |= {f"offsets_{i}": values for i, values in enumerate(networks.offsets)}
    out = io.BytesIO()
    np.savez_compressed(
        out,
        **_grown(scorer.trees, scorer.calibration),
        centre=networks.centre,
        spread=networks.spread,
        **layers,
        **_grown(second.trees, second.calibration, "second_"),
    )
    return out.getvalue()


def _grown(trees: Trees, calibration: Calibration, of: str = "") -> dict[str, Any]:
    """Return the arrays of trees, and of their calibration."""
    inner, leaves = 2**trees.depth - 1, 2**trees.depth
    return {
        f"{of}feature": trees.feature.reshape(-1, inner).astype(np.int16),
        f"{of}threshold": trees.threshold.reshape(-1, inner),
        f"{of}missing_left": trees.missing_left.reshape(-1, inner),
        f"{of}leaf": trees.leaf.reshape(-1, leaves),
        f"{of}baseline": np.float64(trees.baseline),
        f"{of}knots": calibration.knots,
        f"{of}log_odds_at": calibration.log_odds_at,
    }
