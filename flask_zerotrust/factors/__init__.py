"""Factors: authenticator apps, text messages, mail, passkeys and recovery codes.

A factor makes or checks codes. It knows nothing of HTTP, of attempts or of used codes.
"""

from __future__ import annotations

from flask_zerotrust.factors.base import new_secret
from flask_zerotrust.factors.email import EmailFactor
from flask_zerotrust.factors.sms import SmsFactor
from flask_zerotrust.factors.totp import TotpFactor

__all__ = ["EmailFactor", "SmsFactor", "TotpFactor", "new_secret"]
