"""What ``doctor`` looks at outside an app: who delivers messages, and what other clocks say."""

from __future__ import annotations

import http.client
import os
import smtplib
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from ..errors import StoreError
from ..record import CLOCK_SLACK_S, Record
from .findings import Check, Finding, Patient

# Where Twilio's client sends.
TWILIO = "api.twilio.com"
# TOTP takes the step before and the one after (30 s each): a clock this far out locks people out.
_CLOCK_ERROR_S = 30.0


@dataclass(frozen=True, slots=True)
class Web:
    """A provider that is spoken to over HTTP."""

    host: str
    port: int = 443
    tls: bool = True


def sender(patient: Patient, *, twilio: Web = Web(TWILIO)) -> Iterator[Finding]:
    """Connect to whoever delivers messages, send nothing, and compare clocks while there."""
    settings = patient.guard.settings
    if settings.sms_sender == "console":
        text = "ZEROTRUST_SMS_SENDER is 'console': codes are printed, not sent."
        yield Finding("warning", "sender", text, "Set it to 'twilio', or to 'none' without text messages.")
    elif settings.sms_sender != "none":
        yield from _web(twilio, settings.twilio_timeout_s, now=patient.guard.clock)
    # Where mail can be configured, it is looked at.
    host = getattr(settings, "smtp_host", None)
    if host:
        timeout_s = float(getattr(settings, "smtp_timeout_s", 10.0))
        yield from _mail(host, int(getattr(settings, "smtp_port", 25)), timeout_s)


def _web(web: Web, timeout_s: float, *, now: Callable[[], float]) -> Iterator[Finding]:
    made = http.client.HTTPSConnection if web.tls else http.client.HTTPConnection
    try:
        with closing(made(web.host, web.port, timeout=timeout_s)) as connection:
            connection.request("HEAD", "/")
            date = connection.getresponse().getheader("Date")
    except (OSError, http.client.HTTPException) as error:
        yield _unreachable(web.host, web.port, error)
        return
    with suppress(TypeError, ValueError):
        theirs = parsedate_to_datetime(date or "").timestamp()
        yield from skew(now() - theirs, f"the Date of {web.host}")


def _mail(host: str, port: int, timeout_s: float) -> Iterator[Finding]:
    """Say hello to a mail server, and nothing else; port 465 is TLS from the first octet."""
    try:
        if port == 465:
            tls = ssl.create_default_context()
            with smtplib.SMTP_SSL(host, port, timeout=timeout_s, context=tls) as to:
                to.noop()
        else:
            with smtplib.SMTP(host, port, timeout=timeout_s) as to:
                to.noop()
    except (OSError, smtplib.SMTPException) as error:
        yield _unreachable(host, port, error)


def _unreachable(host: str, port: int, error: Exception) -> Finding:
    return Finding(
        "error",
        "sender",
        f"{host}:{port} cannot be reached ({type(error).__name__}), so no code can be sent.",
        "Check the name, DNS, the firewall's way out and the proxy settings of the server.",
    )


def clock(patient: Patient) -> Iterator[Finding]:
    """Compare the app's clock with that of the file system, and with what the store has seen."""
    now = patient.guard.clock()
    with suppress(OSError), tempfile.TemporaryFile(dir=Path(patient.app.instance_path)) as file:
        # A folder on a network drive has its server's clock.
        yield from skew(now - os.fstat(file.fileno()).st_mtime, "the file system's")
    with suppress(StoreError):
        store = patient.guard.store
        seen = [Record.load(raw).state.at for key in store.keys("session:") if (raw := store.get(key))]
        ahead = max(seen, default=now) - now
        if ahead > CLOCK_SLACK_S:
            yield Finding(
                "error",
                "clock",
                f"The store holds sessions from {ahead:.0f} s in the future: the clock was set back, or "
                "another worker's is ahead. Grants from the future do not count.",
                "Run a time service (chrony, systemd-timesyncd) on every machine that shares the store.",
            )


def skew(ahead_s: float, whose: str) -> Iterator[Finding]:
    """Say when a clock is out by more than grants forgive, and by more than codes do."""
    if abs(ahead_s) <= CLOCK_SLACK_S:
        return
    way = "ahead of" if ahead_s > 0 else "behind"
    bad = abs(ahead_s) > _CLOCK_ERROR_S
    yield Finding(
        "error" if bad else "warning",
        "clock",
        f"The app's clock is {abs(ahead_s):.0f} s {way} {whose}"
        + (": codes of authenticator apps are refused." if bad else "."),
        "Run a time service (chrony, systemd-timesyncd).",
    )


CHECKS: tuple[Check, ...] = (sender, clock)
