"""People in general, for a measurement: a background model that was made, or one of other people's data."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask_zerotrust import identity
from flask_zerotrust.bundles import MANIFEST
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.identity.background import ARRAYS
from flask_zerotrust.recordings.files import Recording
from research.identity import fit, visits
from research.identity.fit import Floats


def chosen(path: str | Path | None) -> identity.Background:
    """Return the background model in a folder, the one that ships, or one fitted to the data there.

    A model that is fitted here is not calibrated: that moves no AUC and no EER.

    Raises
    ------
    ConfigError, RecordingError
        When the place holds neither.
    """
    if path is None or any((Path(path) / name).exists() for name in (MANIFEST, ARRAYS)):
        return identity.load_background(path)
    dataset, found = _data(path)
    rows = visits.rows(one for views in visits.views(found, seed=visits.SEED) for one in views)
    seen = {dataset: sorted({str(r.user) for r in found}, key=int)}
    return uncalibrated(fit.fit(rows), seen=seen)


def uncalibrated(arrays: dict[str, Floats], **provenance: Any) -> identity.Background:
    """Return a fitted model as the product would have loaded it; its ratios are as they come."""
    manifest = {"arrays_sha256": "", "provenance": provenance}
    return identity.Background(**arrays, slope=1.0, offset=0.0, manifest=manifest)


def unseen(dataset: str, found: Iterable[Recording], model: identity.Background) -> list[Recording]:
    """Return the recordings of people whom the model was not fitted to; ids are those of the data set.

    Raises
    ------
    ConfigError
        When fewer than two such people are left, or the model does not say whom it has seen.
    """
    known = model.manifest["provenance"].get("seen")
    if known is None:
        raise ConfigError(
            "The background model does not say whom it has seen. Make it again: train-identity."
        )
    left = [r for r in found if r.user not in known.get(dataset, ())]
    people = len({r.user for r in left})
    if people < 2:
        raise ConfigError(
            f"{people} of these {dataset} people are new to the background model, and it takes two to tell "
            "apart. Name other people's data, or another --background."
        )
    return left


def _data(path: str | Path) -> tuple[str, list[Recording]]:
    """Return the data set that lies in a place, and its recordings."""
    for dataset in visits.ARCHIVES:
        with suppress(ConfigError):
            return dataset, visits.read(dataset, path)
    raise ConfigError(
        f"--background {path} holds neither a model ({MANIFEST} and {ARRAYS}) nor sessions of "
        f"{' or '.join(visits.ARCHIVES)}."
    )
