"""Pointer events to strokes to features: the same code for training and for serving."""

from .features import FEATURE_NAMES, extract
from .habits import HABIT_NAMES, INSTRUMENT_NAMES, habits
from .integrity import Integrity, inspect
from .manner import Manner
from .strokes import Strokes, split

__all__ = [
    "FEATURE_NAMES",
    "HABIT_NAMES",
    "INSTRUMENT_NAMES",
    "Integrity",
    "Manner",
    "Strokes",
    "extract",
    "habits",
    "inspect",
    "split",
]
