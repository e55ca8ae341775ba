"""Models of one stroke: boosted trees as shipped, two small networks, and what a blend says."""

from __future__ import annotations

from collections.abc import Callable

from flask_zerotrust.training import fit
from flask_zerotrust.training.networks import networks
from flask_zerotrust.training.table import Floats, Table
from flask_zerotrust.training.trees import flatten
from research.models_compared.profiles import FEATURES, PROFILE

#: Fitted model: rows as :func:`~.profiles.describe` makes them to raw scores, shape (n,).
Stroke = Callable[[Floats], Floats]
#: Fits one: table, seed.
Fitter = Callable[[Table, int], Stroke]


def trees(table: Table, seed: int) -> Stroke:
    """Fit trees like those that ship."""
    own = Table(table.features[:, FEATURES], table.bot, table.group, table.visit)
    flat = flatten(fit.boosted(own, seed=seed), depth=fit.DEPTH)
    return lambda rows: flat.raw(rows[:, FEATURES])


def network_on_profile(table: Table, seed: int) -> Stroke:
    """Fit a small network on the velocity profile."""
    return _network(table, seed, PROFILE)


def network_on_features(table: Table, seed: int) -> Stroke:
    """Fit a small network on the features of the trees."""
    return _network(table, seed, FEATURES)


#: By name, in the order of the report.
FITTERS: dict[str, Fitter] = {
    "trees": trees,
    "network on profile": network_on_profile,
    "network on features": network_on_features,
}


def _network(table: Table, seed: int, columns: slice) -> Stroke:
    """Fit one network, as the model that ships averages several."""
    rows = table.features[:, columns]
    one = networks(rows, table.bot, fit.weights(table), seed=seed, count=1)
    return lambda rows: one.raw(rows[:, columns])
