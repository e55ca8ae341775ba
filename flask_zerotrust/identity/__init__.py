"""Identity: a user's movement profile, and the likelihood of new movement."""

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
