"""Writes a fitted background model as the bundle that the product loads."""

from __future__ import annotations

import hashlib
import io
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.bundles import MANIFEST
from flask_zerotrust.identity.background import ARRAYS, SCHEMA, features_sha256
from flask_zerotrust.movement import HABIT_NAMES


def write_bundle(
    folder: str | Path, arrays: dict[str, NDArray[np.float64]], *, provenance: dict[str, Any]
) -> str:
    """Write arrays (as float32) and manifest; return its SHA-256. Equal arrays give equal bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    short = {name: array.astype("<f4") for name, array in arrays.items()}
    np.savez_compressed(out, allow_pickle=False, **short)
    data = out.getvalue()
    manifest = {
        "schema": SCHEMA,
        "name": "identity",
        "features": list(HABIT_NAMES),
        "features_sha256": features_sha256(),
        "arrays_sha256": hashlib.sha256(data).hexdigest(),
        "libraries": {"python": platform.python_version(), "numpy": np.__version__},
        "provenance": provenance,
    }
    text = (json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    (folder / ARRAYS).write_bytes(data)
    (folder / MANIFEST).write_bytes(text)
    return hashlib.sha256(text).hexdigest()
