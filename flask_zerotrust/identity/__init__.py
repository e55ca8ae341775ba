"""Is it still the same person? What a user's movement is like, and how likely new movement is theirs."""

from flask_zerotrust.identity.background import Background, load_background
from flask_zerotrust.identity.evidence import Identity
from flask_zerotrust.identity.learning import compare, learn, ready
from flask_zerotrust.identity.profile import Instrument, Profile

__all__ = [
    "Background",
    "Identity",
    "Instrument",
    "Profile",
    "compare",
    "learn",
    "load_background",
    "ready",
]
