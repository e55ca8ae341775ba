"""The two extensions the bank uses, made here and wired in create_app."""

from __future__ import annotations

from flask_login import LoginManager

from flask_zerotrust import ZeroTrust

zt = ZeroTrust()
login_manager = LoginManager()
