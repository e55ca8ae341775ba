"""Simulated visits: bots for training, people for demos and tests only, and made-over recordings."""

from flask_zerotrust.simulate.bots import ALL_IN_ONE as ALL_IN_ONE
from flask_zerotrust.simulate.bots import bots as bots
from flask_zerotrust.simulate.bots import families as families
from flask_zerotrust.simulate.bots import lineage as lineage
from flask_zerotrust.simulate.people import people as people
