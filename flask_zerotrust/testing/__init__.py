"""Kit for the tests of apps that use the extension: step-ups, risks, codes and movement on demand.

Everything takes the app's own test client and refuses to work unless the app is ``TESTING``. Serving
never imports this package; it needs no more than serving does.
"""

from ..training.recordings import Recording as Recording
from .codes import last_code as last_code
from .codes import pass_challenge as pass_challenge
from .codes import totp_code as totp_code
from .moves import bot as bot
from .moves import move as move
from .moves import person as person
from .risks import force_risk as force_risk
from .risks import risk as risk
from .risks import trust as trust
