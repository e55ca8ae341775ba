"""Simulated visits: bots for training, people for demos and tests only, and made-over recordings."""

from .borrowed import MORPHS as MORPHS
from .borrowed import morphs as morphs
from .borrowed import replays as replays
from .bots import ALL_IN_ONE as ALL_IN_ONE
from .bots import bots as bots
from .bots import families as families
from .bots import lineage as lineage
from .people import people as people
