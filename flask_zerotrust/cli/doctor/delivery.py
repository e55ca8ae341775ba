"""Checks of ``doctor`` outside an app: who delivers messages, and other clocks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from flask_zerotrust import config
from flask_zerotrust.cli.doctor.findings import Check, Finding, Patient
from flask_zerotrust.config import CLOCK_SLACK_S, SmsLimits
from flask_zerotrust.delivery.smtp import SmtpMailer, trouble
from flask_zerotrust.errors import StoreError
from flask_zerotrust.factors.phone_numbers import is_small
from flask_zerotrust.sessions.record import Record

# Where Twilio's client sends.
TWILIO, VERIFY = "api.twilio.com", "verify.twilio.com"
# TOTP takes the step before and the one after (30 s each): a clock this far out locks people out.
_CLOCK_ERROR_S = 30.0


@dataclass(frozen=True, slots=True)
class Web:
    """A provider that is spoken to over HTTP."""

    host: str
    port: int = 443
    tls: bool = True


def sender(patient: Patient, *, twilio: Web | None = None) -> Iterator[Finding]:
    """Connect to whoever delivers messages, send nothing, and compare clocks while there."""
    settings = patient.state.settings
    if settings.sms_sender == "console":
        text = "ZEROTRUST_SMS_SENDER is 'console': codes are printed, not sent."
        yield Finding("warning", "sender", text, "Set it to 'twilio', or to 'none' without text messages.")
    elif settings.sms_sender == "app":
        if patient.state.loaders.send_text is None:
            text = "ZEROTRUST_SMS_SENDER is 'app', and no function sends text messages."
            yield Finding("error", "sender", text, "Name one with @zt.text_sender.")
    elif settings.sms_sender != "none":
        there = twilio or Web(TWILIO if settings.sms_sender == "twilio" else VERIFY)
        yield from _web(there, config.PROVIDER_TIMEOUT_S, now=patient.state.clock)
    mailer = patient.state.mailer
    if settings.email_sender == "console":
        text = "ZEROTRUST_EMAIL_SENDER is 'console': codes are printed, not sent."
        yield Finding("warning", "sender", text, "Set it to 'smtp', or to 'none' without e-mail.")
    elif isinstance(mailer, SmtpMailer):
        yield from mail(mailer)


def _web(web: Web, timeout_s: float, *, now: Callable[[], float]) -> Iterator[Finding]:
    try:
        date = _date(web, timeout_s)
    except (OSError, ValueError) as error:  # of requests: trouble on the network, and a bad proxy's name
        yield _unreachable(web.host, web.port, error)
        return
    with suppress(TypeError, ValueError):
        theirs = parsedate_to_datetime(date or "").timestamp()
        yield from skew(now() - theirs, f"the Date of {web.host}")


def _date(web: Web, timeout_s: float) -> str | None:
    """Return a provider's Date, asked the way codes go: by Twilio's own client, through its proxies."""
    from twilio.http.http_client import TwilioHttpClient

    scheme = "https" if web.tls else "http"
    client = TwilioHttpClient(timeout=timeout_s, pool_connections=False)
    answer = client.request("HEAD", f"{scheme}://{web.host}:{web.port}/")
    text: str | None = answer.headers.get("Date")
    return text


def mail(mailer: SmtpMailer) -> Iterator[Finding]:
    """Connect to the mail server as for a mail, encrypt and log in, and hand over nothing."""
    if mailer.security == "none" and not _is_here(mailer.host):
        text = (
            f"ZEROTRUST_SMTP_SECURITY is 'none', and {mailer.host} is another machine: codes can be read."
        )
        yield Finding("warning", "sender", text, "Set it to 'starttls' or 'ssl'.")
    result = trouble(mailer)
    if result is not None:
        yield Finding("error", "sender", f"{result[0]} No code can be mailed.", result[1])


def _is_here(host: str) -> bool:
    """Say whether a name or address is this machine's own, without asking anyone."""
    return host in ("localhost", "::1") or host.startswith(("127.", "/"))


def _unreachable(host: str, port: int, error: Exception) -> Finding:
    return Finding(
        "error",
        "sender",
        f"{host}:{port} cannot be reached ({type(error).__name__}), so no code can be sent.",
        "Check the name, DNS, the firewall's way out and the proxy settings of the server.",
    )


def clock(patient: Patient) -> Iterator[Finding]:
    """Compare the app's clock with that of the file system, and with times in the store."""
    now = patient.state.clock()
    with suppress(OSError), tempfile.TemporaryFile(dir=Path(patient.app.instance_path)) as file:
        # A folder on a network drive has its server's clock.
        yield from skew(now - os.fstat(file.fileno()).st_mtime, "the file system's")
    with suppress(StoreError):
        store = patient.state.store
        known = [Record.load(raw).state.at for key in store.keys("session:") if (raw := store.get(key))]
        ahead = max(known, default=now) - now
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


def numbers(patient: Patient) -> Iterator[Finding]:
    """Look for a small country in which all users of one network share a budget of messages."""
    settings, limit = patient.state.settings, SmsLimits().prefix
    if settings.sms_sender == "none" or settings.sms_limits.prefix != limit:
        return
    small = [entry for entry in settings.sms_prefixes if is_small(entry)]
    if small:
        text = (
            f"All users of one mobile network in {', '.join(small)} can share the first six digits of "
            f"their numbers, and with them {limit} messages an hour."
        )
        fix = "Set ZEROTRUST_SMS_LIMITS = {'prefix': ...} to what your busiest hour needs."
        yield Finding("hint", "numbers", text, fix)


CHECKS: tuple[Check, ...] = (sender, clock, numbers)
