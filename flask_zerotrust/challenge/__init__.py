"""Challenges: issue, check, count attempts, use once, over Factor and Store. No HTTP in here."""

from flask_zerotrust.challenge.budgets import ADDING
from flask_zerotrust.challenge.challenges import Challenges
from flask_zerotrust.challenge.contacts import Contact
from flask_zerotrust.challenge.limits import ALARM_FAILURES
from flask_zerotrust.challenge.messages import MESSAGES
from flask_zerotrust.challenge.parking import Parked, park
from flask_zerotrust.challenge.pending import Pending

__all__ = [
    "ADDING",
    "ALARM_FAILURES",
    "MESSAGES",
    "Challenges",
    "Contact",
    "Parked",
    "Pending",
    "park",
]
