"""Bots as attackers write them: families of pointer programs, each drawn wide within itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate import motor, noises, progress, shapes, walks
from flask_zerotrust.simulate.reaches import Maker, Reach, any_timing, fitts, recipe
from flask_zerotrust.simulate.shapes import Floats
from flask_zerotrust.simulate.visits import habits, known, named, visit

Rng = np.random.Generator


def teleport(rng: Rng) -> Maker:
    """One event at the target, at times a few on the way: WebDriver's and Playwright's plain move."""
    stops = int(rng.choice([0, 0, 1, 3, 5]))
    step_ms = rng.uniform(0.3, 40.0)

    def make(reach: Reach, _rng: Rng) -> Floats:
        u = np.linspace(0.0, 1.0, stops + 2)[1:]
        start, end = np.array([reach.start]).T, np.array([reach.end]).T
        return np.vstack([u * step_ms * (stops + 1), start + (end - start) * u])

    return make


def linear(rng: Rng) -> Maker:
    """A straight line under any of Penner's easings (2002), plain or with a little jitter."""
    return recipe(
        rng,
        shapes=[shapes.line],
        progress=[
            progress.constant,
            progress.easing,
            progress.easing,
            progress.smoothstep,
            progress.trapezoid,
        ],
        noises=[noises.none, noises.none, noises.white],
    )


def bezier(rng: Rng) -> Maker:
    """Bezier curves walked with easings or "humanised" speed and jitter: the usual browser-bot recipe."""
    return recipe(
        rng,
        shapes=[shapes.quadratic, shapes.cubic, shapes.cubic, shapes.many_knots],
        progress=[
            progress.constant,
            progress.gentle_easing,
            progress.easing,
            progress.noisy_speed,
            progress.beta,
        ],
        noises=[noises.none, noises.white, noises.by_speed],
    )


def bezier_stepped(rng: Rng) -> Maker:
    """Bezier curves at even steps of their parameter, as tutorials draw them: the speed is an accident."""
    stepped = recipe(
        rng,
        shapes=[shapes.quadratic, shapes.cubic, shapes.cubic, shapes.many_knots],
        progress=[progress.constant],
        noises=[noises.none],
    )
    return replace(stepped, by_length=False)


def bezier_minimum_jerk(rng: Rng) -> Maker:
    """Bezier curves at the speeds of minimum jerk (Flash & Hogan, 1985), exact or skewed."""
    return recipe(
        rng,
        shapes=[shapes.quadratic, shapes.cubic],
        progress=[progress.minimum_jerk, progress.skewed_minimum_jerk],
        noises=[noises.none, noises.white],
    )


def bezier_speed_noise(rng: Rng) -> Maker:
    """Bezier curves, minimum jerk, and noise that grows with speed (Harris & Wolpert, 1998)."""
    return recipe(
        rng,
        shapes=[shapes.quadratic, shapes.cubic],
        progress=[progress.minimum_jerk, progress.skewed_minimum_jerk, progress.beta],
        noises=[noises.by_speed],
    )


def spline(rng: Rng) -> Maker:
    """Splines and legs through jittered waypoints (Catmull & Rom, 1974; de Boor, 1978)."""
    return recipe(
        rng,
        shapes=[shapes.catmull_rom, shapes.b_spline, shapes.b_spline, shapes.polyline],
        progress=[progress.constant, progress.gentle_easing, progress.smoothstep, progress.noisy_speed],
        noises=[noises.none, noises.white, noises.drift],
    )


def perlin(rng: Rng) -> Maker:
    """A straight way that drifts by gradient noise in space or in time (Perlin, 1985)."""
    return recipe(
        rng,
        shapes=[shapes.perlin, shapes.perlin, shapes.line],
        progress=[progress.gentle_easing, progress.smoothstep, progress.minimum_jerk, progress.constant],
        noises=[noises.drift],
    )


def fitts_curve(rng: Rng) -> Maker:
    """Curves timed by Fitts' law (1954) with sub-movements and overshoot (Meyer et al., 1988)."""
    return recipe(
        rng,
        shapes=[shapes.quadratic, shapes.cubic, shapes.arc, shapes.gaussian_process],
        progress=[progress.sub_movements, progress.skewed_minimum_jerk, progress.gentle_easing],
        noises=[noises.none, noises.white, noises.by_speed, noises.tremor],
        timing=fitts,
        overshoot=float(rng.uniform(0.1, 0.9)),
    )


def tremor(rng: Rng) -> Maker:
    """Minimum jerk (Flash & Hogan, 1985) with a sinusoidal or normal shake on top."""
    return recipe(
        rng,
        shapes=[shapes.line, shapes.quadratic, shapes.arc, shapes.wave],
        progress=[progress.minimum_jerk, progress.skewed_minimum_jerk],
        noises=[noises.tremor, noises.tremor, noises.white],
    )


def lognormal(rng: Rng) -> Maker:
    """Log-normal speed curves (Plamondon, 1995) along arcs and simple curves."""
    return recipe(
        rng,
        shapes=[shapes.line, shapes.arc, shapes.arc, shapes.quadratic],
        progress=[progress.lognormal],
        noises=[noises.none, noises.white, noises.tremor, noises.ornstein_uhlenbeck],
    )


def ornstein_uhlenbeck(rng: Rng) -> Maker:
    """A smooth way with mean-reverting noise (Uhlenbeck & Ornstein, 1930; AR(1) in samples)."""
    return recipe(
        rng,
        shapes=[shapes.line, shapes.quadratic, shapes.bridge],
        progress=[progress.gentle_easing, progress.minimum_jerk, progress.beta, progress.constant],
        noises=[noises.ornstein_uhlenbeck],
    )


def arc(rng: Rng) -> Maker:
    """Pieces of circles and ellipses, and sine bows, with easings."""
    return recipe(
        rng,
        shapes=[shapes.arc, shapes.arc, shapes.wave],
        progress=[progress.constant, progress.gentle_easing, progress.smoothstep, progress.beta],
        noises=[noises.none, noises.white],
    )


def gaussian_process(rng: Rng) -> Maker:
    """Smooth random functions round the way (Rasmussen & Williams, 2006, ch. 2), or smoothed bridges."""
    return recipe(
        rng,
        shapes=[shapes.gaussian_process, shapes.gaussian_process, shapes.bridge],
        progress=[progress.minimum_jerk, progress.gentle_easing, progress.beta, progress.noisy_speed],
        noises=[noises.none, noises.white, noises.ornstein_uhlenbeck],
    )


def speed_table(rng: Rng) -> Maker:
    """Speeds drawn from a histogram or a Markov chain, on any simple way. Or hops of drawn length."""
    if rng.random() < 0.4:
        return walks.hops(rng)
    return recipe(
        rng,
        shapes=[shapes.line, shapes.quadratic, shapes.catmull_rom, shapes.gaussian_process],
        progress=[progress.histogram, progress.noisy_speed],
        noises=[noises.none, noises.white, noises.ornstein_uhlenbeck],
    )


def mixture(rng: Rng) -> Maker:
    """Any shape with any timing and any noise: the programs that nobody has written yet."""
    return recipe(
        rng,
        shapes=[*_SHAPES],
        progress=[*_PROGRESS],
        noises=[*_NOISES],
        timing=any_timing,
    )


def mixed_visit(rng: Rng) -> Maker:
    """A program that changes its recipe from reach to reach."""
    makers = [FAMILIES[str(name)](rng) for name in rng.choice(_STEADY, 3, replace=False)]
    return lambda reach, rng: makers[int(rng.integers(3))](reach, rng)


_SHAPES = (
    shapes.line,
    shapes.quadratic,
    shapes.cubic,
    shapes.many_knots,
    shapes.arc,
    shapes.wave,
    shapes.catmull_rom,
    shapes.b_spline,
    shapes.polyline,
    shapes.perlin,
    shapes.gaussian_process,
    shapes.bridge,
)
_PROGRESS = (
    progress.constant,
    progress.easing,
    progress.gentle_easing,
    progress.smoothstep,
    progress.minimum_jerk,
    progress.skewed_minimum_jerk,
    progress.lognormal,
    progress.beta,
    progress.trapezoid,
    progress.sub_movements,
    progress.noisy_speed,
    progress.histogram,
)
_NOISES = (
    noises.none,
    noises.white,
    noises.by_speed,
    noises.ornstein_uhlenbeck,
    noises.tremor,
    noises.drift,
)

#: Family name to the function that draws one of its programs.
FAMILIES: dict[str, Callable[[Rng], Maker]] = {
    "teleport": teleport,
    "linear": linear,
    "bezier": bezier,
    "bezier_stepped": bezier_stepped,
    "bezier_minimum_jerk": bezier_minimum_jerk,
    "bezier_speed_noise": bezier_speed_noise,
    "wind": walks.wind,
    "pid": walks.controlled,
    "spline": spline,
    "perlin": perlin,
    "fitts": fitts_curve,
    "tremor": tremor,
    "lognormal": lognormal,
    "ornstein_uhlenbeck": ornstein_uhlenbeck,
    "arc": arc,
    "steering": walks.steering,
    "gaussian_process": gaussian_process,
    "spring": walks.spring,
    "speed_table": speed_table,
    "follow": motor.follow,
    "vite": motor.vite,
    "optimal": motor.optimal,
    "submovements": motor.submovements,
    "arm": motor.arm,
    "trajectory": motor.trajectory,
    "langevin": motor.langevin,
    "two_phases": motor.two_phases,
    "mixture": mixture,
    "mixed_visit": mixed_visit,
}
#: Families that are near relatives, by the name of the other one: they are held out together, so that none
#: counts as unseen while its sibling was seen.
SIBLINGS = {
    "follow": "spring",
    "vite": "spring",
    "optimal": "pid",
    "submovements": "fitts",
    "two_phases": "fitts",
    "trajectory": "spline",
    "langevin": "ornstein_uhlenbeck",
}
#: The family whose programs run those of all others: no model that it taught has seen none of them.
ALL_IN_ONE = "mixed_visit"
_STEADY = [name for name in FAMILIES if name not in ("teleport", ALL_IN_ONE)]


def families() -> tuple[str, ...]:
    """Return the names of all families."""
    return tuple(FAMILIES)


def lineage(name: str) -> str:
    """Return the family as whose kin a family is held out. Any other name is its own."""
    return SIBLINGS.get(name, name)


def bots(
    n: int, *, rng: Rng, families: Sequence[str] | None = None, strokes: int | None = None
) -> Iterator[Recording]:
    """Yield n visits labelled *bot*, dealt over the families in turn. ``source`` names the family.

    Raises
    ------
    ConfigError
        For a family that does not exist.
    """
    names = known(families, FAMILIES, "family of bots")
    for number, name in enumerate(named(names, n), 1):
        yield visit(
            FAMILIES[name](rng),
            habits(rng, strokes=strokes),
            session=f"{name}-{number}",
            label="bot",
            source=name,
            rng=rng,
        )
