"""The background model: movement of people in general, and differences between one person's days."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.bundles import MANIFEST, Kind, names_sha256, read_bundle, where
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.movement import HABIT_NAMES

Floats = NDArray[np.float64]

SCHEMA = 1
ARRAYS = "background.npz"
DEFAULT = Path(__file__).parents[1] / "bundles" / "identity"
#: SHA-256 of the manifest that ships. The manifest in turn holds that of the arrays.
DEFAULT_SHA256 = "3b67ae40f307bf1a4f75258f130865fef625d744022441787aeb037edd4ca67b"

_AGAIN = "Make it again with this version (python -m research train-identity in a checkout)"
_KIND = Kind(
    what="background",
    arrays=ARRAYS,
    schema=SCHEMA,
    features=HABIT_NAMES,
    name_it=f"Name a folder with {MANIFEST} and {ARRAYS}, as python -m research train-identity writes it.",
    again=_AGAIN,
    trust="Reinstall the package, or name the hash of the background you trust.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A verified background model with k features, d dimensions in which people differ.

    A stroke is brought to d dimensions in which the person, their days and their strokes vary
    independently (two-covariance PLDA with a level for the session, all diagonal).

    Attributes
    ----------
    mean, scale : ndarray, shape (k,)
        Centre and spread of the features over background people.
    projection : ndarray, shape (k, d)
    between, session, within : ndarray, shape (d,)
        Variances between people, between sessions or instruments of one person, and between strokes
        of one session.
    slope, offset : float
        Calibration: factor of a raw log-likelihood ratio, then the sum that is added.
    manifest : dict
        The manifest as read.
    """

    mean: Floats
    scale: Floats
    projection: Floats
    between: Floats
    session: Floats
    within: Floats
    slope: float
    offset: float
    manifest: dict[str, Any]

    @property
    def version(self) -> str:
        """Return the name under which profiles say which background they were learnt with."""
        return str(self.manifest["arrays_sha256"])[:16]

    def embed(self, features: Floats) -> Floats:
        """Return strokes in the dimensions of the model, shape (n, d)."""
        centred = np.clip((features - self.mean) / self.scale, -LIMIT, LIMIT)
        embedded: Floats = centred @ self.projection
        return embedded


# Standardised features are cut here: rare outliers (a division by almost nothing) say nothing.
LIMIT = 4.0


def features_sha256() -> str:
    """Return the hash under which a background names the features it was fitted on."""
    return names_sha256(HABIT_NAMES)


def load_background(path: str | Path | None = None, sha256: str | None = None) -> Background:
    """Read a background model and check it. As :func:`flask_zerotrust.scoring.load_bundle` does a model."""
    folder, pinned = where(path, sha256, shipped=DEFAULT, shipped_sha256=DEFAULT_SHA256)
    return _background(folder, *read_bundle(folder, _KIND, sha256=pinned))


def _background(folder: Path, manifest: dict[str, Any], data: bytes) -> Background:
    names = {f.name for f in fields(Background)} - {"manifest", "slope", "offset"}
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            planes = {name: arrays[name].astype(np.float64) for name in names}
            slope, offset = float(arrays["slope"]), float(arrays["offset"])
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"The identity model in {folder} is incomplete ({error}). {_AGAIN}.") from error
    return Background(**planes, slope=slope, offset=offset, manifest=manifest)
