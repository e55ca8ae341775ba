"""Challenges: issue, check, count attempts, use once, over Factor and Store; no HTTP in here."""

from .budgets import ADDING
from .challenges import Challenges
from .contacts import Contact
from .messages import MESSAGES
from .parking import Parked, park
from .pending import Pending

__all__ = ["ADDING", "MESSAGES", "Challenges", "Contact", "Parked", "Pending", "park"]
