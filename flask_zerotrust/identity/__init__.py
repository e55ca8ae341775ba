"""Is it still the same person? What a user's movement is like, and how likely new movement is theirs."""

from .background import Background, load_background
from .evidence import Identity
from .profile import Instrument, Profile
from .verify import compare, learn, ready

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
