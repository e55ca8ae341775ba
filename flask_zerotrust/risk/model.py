"""Loads and verifies a model bundle, walks its trees and runs its networks: flat arrays, numpy only."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.bundles import MANIFEST, Kind, names_sha256, read_bundle, where
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.movement import FEATURE_NAMES, session_features
from flask_zerotrust.risk.level import Policy

Floats = NDArray[np.float64]

SCHEMA = 3
ARRAYS = "model.npz"
DEFAULT = Path(__file__).parents[1] / "bundles" / "default"
#: SHA-256 of the manifest that ships. The manifest in turn holds that of the arrays.
DEFAULT_SHA256 = "ff59d70c789c7f1aac0bea9510e3651ccfd8f0f6cdd08d8559f205bf52c00e0f"

_AGAIN = "Train the model again with this version (python -m flask_zerotrust train)"
_REINSTALL = "Reinstall the package, or set ZEROTRUST_MODEL to a bundle of your own."
_KIND = Kind(
    what="model",
    arrays=ARRAYS,
    schema=SCHEMA,
    features=FEATURE_NAMES,
    name_it=(
        f"ZEROTRUST_MODEL must name a folder with {MANIFEST} and {ARRAYS}, as the train command writes it."
    ),
    again=_AGAIN,
    trust="Put the hash of the manifest that you trust into ZEROTRUST_MODEL.",
)


# The answers of all nodes of a tree fit one word of 16 bits, and the table of all words fits a cache.
MAX_DEPTH = 4
_BITS = 2**MAX_DEPTH
_WORD = np.dtype("<u2")


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Boosted trees, every one filled up to a complete binary tree of the same depth d.

    Attributes
    ----------
    feature : ndarray of int64, shape (trees * (2**d - 1),)
        Column that a node looks at. Nodes of a tree in breadth-first order.
    threshold : ndarray of float64, same shape
        At most this goes left. A filled-up node holds infinity.
    missing_left : ndarray of bool, same shape
        Where NaN goes.
    leaf : ndarray of float64, shape (trees * 2**d,)
        Sums that the leaves add to the raw score.
    baseline : float
        Raw score before any tree.
    depth : int
    """

    feature: NDArray[np.int64]
    threshold: Floats
    missing_left: NDArray[np.bool_]
    leaf: Floats
    baseline: float
    depth: int

    _nodes: _Nodes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Lay the nodes out as :meth:`raw` meets them."""
        if not 1 <= self.depth <= MAX_DEPTH:
            raise ValueError(f"trees must have 1 to {MAX_DEPTH} levels, these have {self.depth}")
        inner, wide = 2**self.depth - 1, 2**self.depth
        trees = self.leaf.size // wide

        def padded(column: NDArray[Any], filling: Any) -> NDArray[Any]:
            result = np.full((trees, _BITS), filling, column.dtype)
            result[:, :inner] = column.reshape(trees, inner)
            return result.ravel()

        nodes = _Nodes(
            feature=padded(self.feature, 0),
            threshold=padded(self.threshold, np.inf),
            missing_right=~padded(self.missing_left, True),
            leaf_of=_leaf_of(self.depth),
            start=np.arange(0, trees * wide, wide),
        )
        object.__setattr__(self, "_nodes", nodes)

    def raw(self, features: Floats) -> Floats:
        """Return the raw scores of rows, shape (n,). Equal to scikit-learn's to 1e-12.

        Every question of every tree is answered at once. The answers of a tree, as bits of a word, name
        the leaf that they lead to.
        """
        nodes = self._nodes
        value = features.take(nodes.feature, axis=1)
        right = value > nodes.threshold
        if np.count_nonzero(np.isnan(features)):
            right |= np.isnan(value) & nodes.missing_right
        word = np.packbits(right, axis=1).view(_WORD)
        leaf = nodes.start + nodes.leaf_of.take(word)
        scores: Floats = np.add.reduce(self.leaf.take(leaf), axis=1)
        scores += self.baseline
        return scores


class _Nodes(NamedTuple):
    """All nodes of trees, 16 a tree. ``leaf_of`` is which leaf a word of answers leads to."""

    feature: NDArray[np.int64]
    threshold: Floats
    missing_right: NDArray[np.bool_]
    leaf_of: NDArray[np.uint8]
    start: NDArray[np.intp]


@cache
def _leaf_of(depth: int) -> NDArray[np.uint8]:
    """Return the leaf for every word of answers, shape (2**16,).

    An octet each: wider ones would fill a second-level cache. Answers are packed from the highest bit of an
    octet to the lowest, and the first octet is the lower one of a word.
    """
    word = np.arange(2**_BITS, dtype=np.uint16)
    path = np.zeros(word.size, np.uint8)
    for level in range(depth):
        node = path + np.uint8(2**level - 1)
        went_right = word >> (node ^ 7) & 1
        path = 2 * path + went_right.astype(np.uint8)
    return path


#: Weight of the trees in the raw score. By families held out the networks alone are as good as with a
#: quarter or half of trees. Trees say nothing extreme of new kinds of rows
#: (docs/research/models-compared.md).
TREES_SHARE = 0.25
#: Standard deviations beyond which a feature says no more: far outside is as good as the edge.
FAR_SD = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """Small networks of one shape, each fitted from another start, whose answers are averaged.

    Attributes
    ----------
    centre, spread : ndarray of float64, shape (k,)
        Mean and standard deviation of every feature.
    weights, offsets : tuple of ndarray of float64, shapes (networks, a, b) and (networks, 1, b)
        Of every layer from the first. All but the last are followed by a rectifier, and the last has b = 1.
    """

    centre: Floats
    spread: Floats
    weights: tuple[Floats, ...]
    offsets: tuple[Floats, ...]

    def raw(self, features: Floats) -> Floats:
        """Return the raw scores of rows, shape (n,). Equal to scikit-learn's to 1e-9."""
        rows: Floats = features - self.centre
        rows /= self.spread
        np.minimum(np.maximum(rows, -FAR_SD, out=rows), FAR_SD, out=rows)
        for weight, offset in zip(self.weights[:-1], self.offsets[:-1], strict=True):
            rows = rows @ weight
            rows += offset
            np.maximum(rows, 0.0, out=rows)
        log_odds = rows @ self.weights[-1] + self.offsets[-1]
        scores: Floats = np.add.reduce(log_odds[..., 0]) / len(log_odds)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Raw scores to log-likelihood ratios.

    Attributes
    ----------
    knots, log_odds_at : ndarray of float64, shape (m,)
        Raw scores, ascending, and the ratios they stand for. Linear between, constant outside.
    """

    knots: Floats
    log_odds_at: Floats

    def __call__(self, raw: Floats) -> Floats:
        """Return the ratios, of the shape of ``raw``."""
        log_odds: Floats = np.interp(raw, self.knots, self.log_odds_at)
        return log_odds


@dataclass(frozen=True, slots=True, eq=False)
class Second:
    """The model of sessions: boosted trees over the number, means and spreads of their strokes."""

    trees: Trees
    calibration: Calibration

    def log_odds(self, sums: Floats) -> Floats:
        """Return the log-likelihood ratio bot / person of sums, shape (m, WIDTH), as shape (m,)."""
        return self.calibration(self.trees.raw(session_features.seen(sums)))


@dataclass(frozen=True, slots=True, eq=False)
class BundleScorer:
    """A verified model: stroke features in, calibrated log-odds of a bot out.

    Attributes
    ----------
    trees : Trees
    networks : Networks
    calibration : Calibration
        Of trees and networks, for one stroke.
    second : Second
        The model of all strokes of a session.
    policy : risk.Policy
    manifest : dict
        The manifest as read.
    """

    trees: Trees
    networks: Networks
    calibration: Calibration
    second: Second
    policy: Policy
    manifest: dict[str, Any]

    def log_odds(self, features: Floats) -> Floats:
        """Return the log-likelihood ratio bot / person of every row, shape (n,), natural logarithm."""
        return self.calibration(self.raw(features))

    def together(self, sums: Floats) -> Floats:
        """Return the log-likelihood ratio bot / person of sessions by their sums, shape (m,)."""
        return self.second.log_odds(sums)

    def raw(self, features: Floats) -> Floats:
        """Return the raw scores of rows, shape (n,): those of trees and networks, by their shares."""
        return blend(self.trees.raw(features), self.networks.raw(features))


def blend(trees: Floats, networks: Floats) -> Floats:
    """Return the raw score of the two kinds of model together."""
    return TREES_SHARE * trees + (1.0 - TREES_SHARE) * networks


def features_sha256(names: tuple[str, ...] = FEATURE_NAMES) -> str:
    """Return the hash under which a bundle names the features it was fitted on."""
    return names_sha256(names)


def load_bundle(path: str | Path | None = None, sha256: str | None = None) -> BundleScorer:
    """Read a bundle and check it against everything that could make its scores mean nothing.

    Parameters
    ----------
    path : str or Path, optional
        Folder of the bundle. The one that ships by default.
    sha256 : str, optional
        Hash of the manifest. The bundle that ships is always checked.

    Raises
    ------
    ConfigError
        With the file that does not fit, and the next step.
    """
    folder, pinned = where(path, sha256, shipped=DEFAULT, shipped_sha256=DEFAULT_SHA256)
    kind = replace(_KIND, trust=_REINSTALL) if path is None else _KIND
    return _scorer(folder, *read_bundle(folder, kind, sha256=pinned))


def _scorer(folder: Path, manifest: dict[str, Any], data: bytes) -> BundleScorer:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            trees = _trees(arrays)
            networks = Networks(
                centre=arrays["centre"].astype(np.float64),
                spread=arrays["spread"].astype(np.float64),
                weights=_layers(arrays, "weights"),
                offsets=_layers(arrays, "offsets"),
            )
            calibration = _calibration(arrays)
            second = Second(_trees(arrays, "second_"), _calibration(arrays, "second_"))
        policy = _policy(manifest["policy"])
        return BundleScorer(trees, networks, calibration, second, policy, manifest)
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"The model in {folder} is incomplete ({error}). {_AGAIN}.") from error


def _trees(arrays: Mapping[str, Any], of: str = "") -> Trees:
    return Trees(
        feature=arrays[f"{of}feature"].astype(np.int64).ravel(),
        threshold=arrays[f"{of}threshold"].astype(np.float64).ravel(),
        missing_left=arrays[f"{of}missing_left"].astype(np.bool_).ravel(),
        leaf=arrays[f"{of}leaf"].astype(np.float64).ravel(),
        baseline=float(arrays[f"{of}baseline"]),
        depth=int(np.log2(arrays[f"{of}leaf"].shape[1])),
    )


def _calibration(arrays: Mapping[str, Any], of: str = "") -> Calibration:
    return Calibration(
        arrays[f"{of}knots"].astype(np.float64), arrays[f"{of}log_odds_at"].astype(np.float64)
    )


def _layers(arrays: Mapping[str, Any], name: str) -> tuple[Floats, ...]:
    """Return the arrays ``name_0``, ``name_1`` and so on."""
    count = sum(key.startswith(f"{name}_") for key in arrays)
    return tuple(arrays[f"{name}_{layer}"].astype(np.float64) for layer in range(count))


def _policy(values: dict[str, Any]) -> Policy:
    known = {f.name for f in fields(Policy)}
    if set(values) != known:
        raise KeyError(f"policy must hold exactly {', '.join(sorted(known))}")
    return Policy(**values)
