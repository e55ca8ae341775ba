"""Kit for the tests of apps that use the extension: step-ups, risks, codes and movement on demand.

Everything takes the app's own test client and refuses to work unless the app is ``TESTING``. Serving
never imports this package; it needs no more than serving does.
"""

from flask_zerotrust.recordings.files import Recording as Recording
from flask_zerotrust.testing.codes import last_code as last_code
from flask_zerotrust.testing.codes import pass_challenge as pass_challenge
from flask_zerotrust.testing.codes import totp_code as totp_code
from flask_zerotrust.testing.moves import bot as bot
from flask_zerotrust.testing.moves import move as move
from flask_zerotrust.testing.moves import person as person
from flask_zerotrust.testing.risks import force_risk as force_risk
from flask_zerotrust.testing.risks import risk as risk
from flask_zerotrust.testing.risks import trust as trust
