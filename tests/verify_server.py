"""Twilio Verify on loopback: makes codes, counts checks and sends, and expires, as the real one does."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field

from tests.clock import Clock
from tests.twilio_server import FakeTwilio, Form

SERVICE = "VA" + "0123456789abcdef" * 2
# twilio.com/docs/verify/api/verification and verification-check.
LIFE_S, MAX_CHECKS, MAX_SENDS = 600.0, 5, 5


@dataclass
class Verification:
    """One code on its way."""

    sid: str
    to: str
    code: str
    at: float
    status: str = "pending"
    checks: int = 0
    sends: int = 1


@dataclass
class FakeVerify(FakeTwilio):
    """A service that works; ``broken`` answers everything so instead."""

    clock: Clock = field(default_factory=Clock)
    broken: tuple[int, object] | None = None
    made: list[Verification] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The code of the newest verification."""
        return self.made[-1].code

    def wrong_code(self) -> str:
        """A code of no verification."""
        codes = {one.code for one in self.made}
        return next(code for code in map("{:06d}".format, range(100)) if code not in codes)

    def respond(self, path: str, form: Form) -> tuple[int, bytes]:
        values = {name: value for name, (value,) in form.items()}
        status, said = self.broken or self._respond(path, values)
        return status, said if isinstance(said, bytes) else json.dumps(said).encode()

    def _respond(self, path: str, form: dict[str, str]) -> tuple[int, object]:
        if path.endswith("/Verifications"):
            return self._start(form["To"])
        if path.endswith("/VerificationCheck"):
            return self._check(form["VerificationSid"], form["Code"])
        found = re.fullmatch(r".*/Verifications/(VE[0-9a-f]{32})", path)
        assert found is not None, path
        waiting = self._waiting(found[1])
        if waiting is None:
            return _error(404, 20404)
        waiting.status = form["Status"]
        return 200, {"sid": waiting.sid, "status": waiting.status}

    def _start(self, to: str) -> tuple[int, object]:
        again = next((one for one in self.made if one.to == to and self._waiting(one.sid)), None)
        if again is None:
            sid, code = "VE" + secrets.token_hex(16), f"{secrets.randbelow(10**6):06d}"
            again = Verification(sid, to, code, self.clock())
            self.made.append(again)
        elif again.sends >= MAX_SENDS:
            return _error(429, 60203)
        else:
            again.sends += 1
        return 201, {"sid": again.sid, "status": "pending", "to": to}

    def _check(self, sid: str, code: str) -> tuple[int, object]:
        waiting = self._waiting(sid)
        if waiting is None:
            return _error(404, 20404)
        if waiting.checks >= MAX_CHECKS:
            return _error(429, 60202)
        waiting.checks += 1
        if code == waiting.code:
            waiting.status = "approved"
        return 200, {"sid": sid, "status": waiting.status, "valid": code == waiting.code}

    def _waiting(self, sid: str) -> Verification | None:
        live = [one for one in self.made if one.sid == sid and one.status == "pending"]
        return next((one for one in live if self.clock() - one.at < LIFE_S), None)


def _error(status: int, code: int) -> tuple[int, object]:
    # The words of a real one may hold the number.
    return status, {"code": code, "status": status, "message": "about +447700900123"}
