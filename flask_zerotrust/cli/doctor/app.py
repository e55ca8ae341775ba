"""Checks of ``doctor`` inside an app: keys, cookies, store, proxy, model, settings, routes."""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_zerotrust.bundles import MANIFEST
from flask_zerotrust.cli.doctor import redis as redis_health
from flask_zerotrust.cli.doctor.browsers import browsers
from flask_zerotrust.cli.doctor.findings import Check, Finding, Patient, Severity
from flask_zerotrust.cli.doctor.identities import identities
from flask_zerotrust.errors import StoreError, ZeroTrustError
from flask_zerotrust.extension import check_complete
from flask_zerotrust.risk.model import DEFAULT
from flask_zerotrust.stores import redis_url
from flask_zerotrust.web import first_run
from flask_zerotrust.web.placement import is_guarded

# RFC 2104, section 3: an HMAC key shorter than the hash's output (SHA-256: 32 bytes) weakens it.
_KEY_BYTES = 32
# Below 128 bits a key can be searched for. So can one of few different characters, whatever its length.
_WEAK_BYTES, _FEW_CHARACTERS = 16, 8
_PLACEHOLDERS = re.compile(
    r"dev|test|secret|change.?me|password|key|example|todo|default|insecure|replace", re.IGNORECASE
)
# Generators of movement change. The defaults of the model card are measured again every year.
_MODEL_DAYS = 365
_DAY_S = 86_400.0
# 2020-01-01, before the first model: dates that packagers stamp on files (0, 1, zip's 1980) are no age.
_NO_DATE_S = 1_577_836_800.0
# Words in the names of views that change money, rights or ways back into an account.
_WORTH_GUARDING = re.compile(
    r"transfer|pay|withdraw|checkout|order|password|e?mail|phone|address|delete|export|admin|role|token|key"
)
_OWN = ["SESSION_COOKIE"]
_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
# How gunicorn is told on a command line: "-w 4", "-w4", "--workers=4".
_OPTION = r"(?:^|\s)(?:-w|--workers)(?:\s+|=|(?=\d))"

# Attributes of layers around an app that hold the wrapped app.
_LAYER_NAMES = ("app", "wsgi_app", "application")


def keys(patient: Patient) -> Iterator[Finding]:
    """Look for keys that can be guessed. A fallback opens as much as the key itself."""
    fallbacks = patient.app.config.get("SECRET_KEY_FALLBACKS") or []
    names = ["SECRET_KEY", *(f"SECRET_KEY_FALLBACKS[{i}]" for i in range(len(fallbacks)))]
    for name, key in zip(names, [patient.app.secret_key, *fallbacks], strict=True):
        text = key.encode() if isinstance(key, str) else bytes(key or b"")
        weak = len(text) < _WEAK_BYTES or len(set(text)) < _FEW_CHARACTERS or _placeholder(text)
        if not weak and len(text) >= _KEY_BYTES:
            continue
        yield Finding(
            "error" if weak else "warning",
            "keys",
            f"{name} can be guessed: {len(text)} bytes, {len(set(text))} of them different."
            if weak
            else f"{name} is short: {len(text)} bytes.",
            "Make one with: python -c 'import secrets; print(secrets.token_hex())'. Move the present one "
            "to SECRET_KEY_FALLBACKS, run `flask zerotrust rekey`, and drop it soon after: whoever guessed "
            "it can use it until then.",
        )


def _placeholder(text: bytes) -> bool:
    """Say whether a key is mostly a word that stands in for one."""
    plain = re.sub(r"[^a-z]", "", text.decode("latin-1").lower())
    return len(text) < _KEY_BYTES and _PLACEHOLDERS.search(plain) is not None


def cookies(patient: Patient) -> Iterator[Finding]:
    """Look at the flags of the session cookie, and of Flask-Login's where that is used."""
    # Flask-Login's value if the app says nothing. Flask itself always says something.
    fallback = {"SECURE": False, "HTTPONLY": True, "SAMESITE": None}
    prefixes = ["SESSION_COOKIE", "REMEMBER_COOKIE"] if hasattr(patient.app, "login_manager") else _OWN
    for prefix in prefixes:
        flags = {
            name: patient.app.config.get(f"{prefix}_{name}", value) for name, value in fallback.items()
        }
        for severity, name, why, wanted in _cookie_faults(flags):
            yield Finding(
                severity,
                "cookies",
                f"{prefix}_{name} is {flags[name]!r}: {why}.",
                f"Set {prefix}_{name} = {wanted!r}.",
            )


def _cookie_faults(flags: Mapping[str, Any]) -> Iterator[tuple[Severity, str, str, bool | str]]:
    if not flags["SECURE"]:
        yield "error", "SECURE", "the cookie also travels over plain HTTP, where it can be taken", True
    if not flags["HTTPONLY"]:
        yield "error", "HTTPONLY", "any script in a page can read the cookie", True
    if flags["SAMESITE"] not in ("Lax", "Strict"):
        yield "warning", "SAMESITE", "other sites can post with the person's cookie", "Lax"


def store(patient: Patient) -> Iterator[Finding]:
    """See whether the store answers, is shared by all workers, and is closed to others."""
    named = patient.state.settings.store
    count = workers(patient.environ, patient.folder)
    if named == "memory://" and count != 1:
        many = "several" if count is None else str(count)
        yield Finding(
            "error",
            "store",
            f"ZEROTRUST_STORE is memory:// and {many} workers are configured: each has attempts, grants "
            "and latches of its own, so a code can be tried once a worker.",
            'Set ZEROTRUST_STORE = "sqlite:///zerotrust.sqlite", or "redis://..." for several machines.',
        )
    elif named == "memory://":
        yield Finding(
            "warning",
            "store",
            "ZEROTRUST_STORE is memory://: a restart forgets latches, attempts and enrolled factors.",
            'Set ZEROTRUST_STORE = "sqlite:///zerotrust.sqlite".',
        )
    try:
        patient.state.store.put("doctor", b"well", ttl_s=1)
        patient.state.store.delete("doctor")
        if named.startswith(redis_url.SCHEMES):
            yield from redis_health.look(patient)
    except StoreError as error:
        yield Finding("error", "store", str(error), "Until then every protected view answers 503.")
    if named.startswith("sqlite:///"):
        yield from _rights(Path(patient.app.instance_path) / named.removeprefix("sqlite:///"))


def _rights(file: Path) -> Iterator[Finding]:
    """See who else can get at the store's file, or at its folder, where it can be replaced."""
    for path, item in ((file, stat.S_IRWXG | stat.S_IRWXO), (file.parent, stat.S_IWOTH)):
        with suppress(OSError):
            mode = path.stat().st_mode
            if mode & item and not (path.is_dir() and mode & stat.S_ISVTX):
                fix = "chmod o-w" if path.is_dir() else "chmod 600"
                yield Finding(
                    "error",
                    "store",
                    f"{str(path)!r} is open to other users of this machine (mode {stat.S_IMODE(mode):o}).",
                    f"{fix} {shlex.quote(str(path))}",
                )


def workers(environ: Mapping[str, str], folder: Path) -> int | None:
    """Return how many workers are configured, 1 where nothing says. None for "computed, so several".

    Gunicorn's order: its command line, its variable, its file, then the platforms' variable. uWSGI has a
    file of its own. Read, not run.
    """
    notified = (
        _in_file(folder / "Procfile", rf"^web:.*{_OPTION}(\S+)"),
        _found(_OPTION + r"(\S+)", environ.get("GUNICORN_CMD_ARGS", "")),
        _in_file(folder / "gunicorn.conf.py", r"^workers\s*=\s*(.+?)\s*(?:#.*)?$"),
        _in_file(folder / "uwsgi.ini", r"^\s*(?:processes|workers)\s*=\s*(.+?)\s*(?:[#;].*)?$"),
        environ.get("WEB_CONCURRENCY", "").strip(),
    )
    number = next(filter(None, notified), "1")
    return int(number) if number.isascii() and number.isdigit() else None


def _in_file(path: Path, pattern: str) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return _found(pattern, path.read_text(encoding="utf-8"))
    return None


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1] if match is not None else None


def proxy(patient: Patient) -> Iterator[Finding]:
    """Guess whether a proxy stands in front whose word is not taken.

    Python servers seldom end TLS themselves. So cookies for HTTPS only, an HTTPS scheme, and what
    platforms put into the environment each say that something stands in front.
    """
    config = patient.app.config
    signs = patient.signs_of_tls()
    fixes = list(_proxy_fixes(patient.app.wsgi_app))
    if signs and not any(fix.x_for for fix in fixes):
        yield Finding(
            "warning",
            "proxy",
            f"A proxy seems to stand in front ({', '.join(signs)}), but ProxyFix does not tell the app who "
            "asks: all clients would share one address, and one budget of tries.",
            "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1), with the number of "
            "proxies that you run. Ignore this where there is no proxy.",
        )
    if not config.get("TRUSTED_HOSTS") and not config.get("SERVER_NAME"):
        yield Finding(
            "warning",
            "proxy",
            "Any Host header is taken, and the last line of a text message binds its code to that host.",
            'Set TRUSTED_HOSTS = ["www.example.com"] (Flask 3.1), or SERVER_NAME.',
        )


def _proxy_fixes(wsgi: Any) -> Iterator[ProxyFix]:
    """Yield those among the layers around the app that can be seen."""
    for _ in range(20):
        if wsgi is None or isinstance(wsgi, Flask):
            return
        if isinstance(wsgi, ProxyFix):
            yield wsgi
        inside = getattr(wsgi, "__dict__", {})
        wsgi = next((inside[name] for name in _LAYER_NAMES if name in inside), None)


def model(patient: Patient) -> Iterator[Finding]:
    """See whether the model is old, or could be exchanged unnoticed."""
    settings = patient.state.settings
    own, sha256 = settings.model_and_hash()
    folder = DEFAULT if own is None else Path(own)
    if own is not None and sha256 is None:
        yield Finding(
            "warning",
            "model",
            f"The model in {own!r} is not pinned: whoever can write there decides who is a bot.",
            "Set ZEROTRUST_MODEL to what the train or calibrate command printed, with the hash.",
        )
    with suppress(OSError):
        placed = (folder / MANIFEST).stat().st_mtime
        days = (patient.state.clock() - placed) / _DAY_S
        if placed > _NO_DATE_S and days > _MODEL_DAYS:
            yield Finding(
                "warning",
                "model",
                f"The model has been in place for {days:.0f} days. Generators of movement get better.",
                "Update Flask-ZeroTrust, or train and calibrate your own again.",
            )


def wiring(patient: Patient) -> Iterator[Finding]:
    """Check as the first request does: who is logged in, misplaced guards, consent to recordings."""
    try:
        with patient.app.test_request_context():
            check_complete()
    except ZeroTrustError as error:
        yield Finding("error", "wiring", str(error), "Until then every request fails with it.")


def modes(patient: Patient) -> Iterator[Finding]:
    """Look for settings of development and trial."""
    app, settings = patient.app, patient.state.settings
    if settings.mode != "enforce":
        text = f"ZEROTRUST_MODE is {settings.mode!r}: protected views let everyone through."
        yield Finding("warning", "modes", text, 'Set ZEROTRUST_MODE = "enforce" when the trial is over.')
    if settings.expose_risk:
        text = "ZEROTRUST_EXPOSE_RISK is on: a bot can practise against the score."
        yield Finding("warning", "modes", text, "Leave it out.")
    for name in ("DEBUG", "TESTING"):
        if app.config[name]:
            text = f"{name} is on: errors show code and values, and some checks are relaxed."
            yield Finding("warning", "modes", text, f"Leave {name} off where strangers reach the app.")
    silent = settings.sms_sender == "twilio-verify" and settings.email_sender == "none"
    if settings.tell_owner and silent and patient.state.loaders.notify is None:
        text = "Twilio Verify sends codes only, so nobody can be told when their factors change."
        fix = "Tell them yourself with @zt.notify, or set ZEROTRUST_EMAIL_SENDER."
        yield Finding("warning", "modes", text, fix)
    if not patient.state.factors.can_exist():
        text = "Nobody has a factor and nobody can get one, so whoever is asked is stuck."
        fix = 'Name the app\'s factors with @zt.factors_loader, or set ZEROTRUST_ENROL = "first-use".'
        yield Finding("error" if settings.mode == "enforce" else "warning", "modes", text, fix)
    for problem in first_run.missing_senders(patient.state):
        fix = "Until then every user with such a factor gets an error instead of a challenge."
        yield Finding("error" if settings.mode == "enforce" else "warning", "modes", problem, fix)


def _way(app: Flask, endpoint: str) -> Iterator[Callable[..., Any]]:
    """Yield the functions of a request to an endpoint: those before it, and the view."""
    parts = endpoint.split(".")[:-1]
    for name in (None, *(".".join(parts[: i + 1]) for i in range(len(parts)))):
        yield from app.before_request_funcs.get(name, ())
    yield app.view_functions[endpoint]


def routes(patient: Patient) -> Iterator[Finding]:
    """Look for views that change something worth guarding, and have no guard."""
    views = {
        rule.endpoint
        for rule in patient.app.url_map.iter_rules()
        if not rule.endpoint.startswith("zerotrust.") and rule.endpoint in patient.app.view_functions
    }
    guarded = {endpoint for endpoint in views if any(map(is_guarded, _way(patient.app, endpoint)))}
    if not guarded:
        text = "No view is guarded, so nobody is ever asked."
        yield Finding(
            "error", "routes", text, "Put @step_up_required below @app.route of views that matter."
        )
    for rule in patient.app.url_map.iter_rules():
        bare = rule.endpoint in views and rule.endpoint not in guarded
        changes = _CHANGING & (rule.methods or set())
        if bare and changes and _WORTH_GUARDING.search(f"{rule.endpoint} {rule.rule}".lower()):
            yield Finding(
                "hint",
                "routes",
                f"{'/'.join(sorted(changes))} {rule.rule} ({rule.endpoint}) sounds as if it mattered, and "
                "has no guard.",
                "Put @step_up_required below its @app.route, or leave it if it does not.",
            )


CHECKS: tuple[Check, ...] = (
    wiring,
    keys,
    cookies,
    store,
    proxy,
    model,
    modes,
    browsers,
    identities,
    routes,
)
