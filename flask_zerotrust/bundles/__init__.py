"""A manifest and the arrays it names, read from a folder and believed only at their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_zerotrust.errors import ConfigError

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Requirements of a bundle, and the texts of errors.

    Attributes
    ----------
    what : str
        Its name in messages, such as ``model``.
    arrays : str
        File of the arrays.
    schema : int
    features : sequence of str
        Features that it must have been fitted on, in order.
    name_it, again, trust : str
        Advice if a file cannot be read, if it is of another version, and if it is not
        the file it was.
    """

    what: str
    arrays: str
    schema: int
    features: Sequence[str]
    name_it: str
    again: str
    trust: str


def names_sha256(names: Sequence[str]) -> str:
    """Return the hash under which a bundle names the features it was fitted on."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def where(
    path: str | Path | None, sha256: str | None, *, shipped: Path, shipped_sha256: str
) -> tuple[Path, str | None]:
    """Return a bundle's folder, the one that ships without a path, and the hash of its manifest.

    The bundle that ships is always checked. Another one only where somebody names its hash.
    """
    if path is not None:
        return Path(path), sha256
    return shipped, shipped_sha256 if sha256 is None else sha256


def read_bundle(folder: Path, kind: Kind, *, sha256: str | None) -> tuple[dict[str, Any], bytes]:
    """Return the manifest, and the bytes of the arrays that it vouches for.

    Parameters
    ----------
    sha256 : str or None
        Hash of the manifest. None takes any.

    Raises
    ------
    ConfigError
        Saying which file does not fit, and what to do.
    """
    file = folder / MANIFEST
    text = _read(file, kind)
    if sha256 is not None:
        _check(file, text, sha256, kind)
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON. {kind.again}.") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != kind.schema:
        raise ConfigError(f"{file} is not a {kind.what} of schema {kind.schema}. {kind.again}.")
    if manifest.get("features_sha256") != names_sha256(kind.features):
        raise ConfigError(f"{file} was fitted on other features than this version computes. {kind.again}.")
    data = _read(folder / kind.arrays, kind)
    _check(folder / kind.arrays, data, str(manifest.get("arrays_sha256")), kind)
    return manifest, data


def _read(file: Path, kind: Kind) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The {kind.what} file {file} cannot be read ({error.strerror}). {kind.name_it}"
        ) from error


def _check(file: Path, data: bytes, wanted: str, kind: Kind) -> None:
    result = hashlib.sha256(data).hexdigest()
    if result != wanted.lower():
        raise ConfigError(f"{file} has SHA-256 {result}, expected {wanted}: it was changed. {kind.trust}")
