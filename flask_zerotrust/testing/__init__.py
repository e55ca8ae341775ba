"""Kit for the tests of apps that use the extension: step-ups, risks, codes and movement on demand.

Everything takes the app's own test client and refuses to work unless the app is ``TESTING``. Serving
never imports this package. It needs no more than serving does.
"""

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.testing.codes import last_code, pass_challenge, totp_code
from flask_zerotrust.testing.moves import bot, move, person
from flask_zerotrust.testing.risks import force_risk, remember, risk, trust

__all__ = [
    "Recording",
    "bot",
    "force_risk",
    "last_code",
    "move",
    "pass_challenge",
    "person",
    "remember",
    "risk",
    "totp_code",
    "trust",
]
