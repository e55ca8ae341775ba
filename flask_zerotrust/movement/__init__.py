"""Pointer events to strokes to features: the same code for training and for serving."""

from flask_zerotrust.movement.browser_evidence import Integrity, inspect
from flask_zerotrust.movement.features import FEATURE_NAMES, extract
from flask_zerotrust.movement.person_features import HABIT_NAMES, INSTRUMENT_NAMES, habits
from flask_zerotrust.movement.session_features import Manner
from flask_zerotrust.movement.strokes import Strokes, split

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
