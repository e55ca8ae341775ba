"""The check of known browsers: can they work here, and does a changed password end them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from flask_zerotrust.cli.doctor.findings import Finding, Patient

# Names by which a browser reaches the machine it runs on: WebCrypto works there over plain HTTP, too.
_LOCAL = re.compile(r"(.+\.)?localhost|127\.[0-9.]+|\[?::1\]?")
_PASSWORDS = re.compile(r"passw|passphrase|\bpwd\b")
_CALL = "password_changed"
_WRITING = {"POST", "PUT", "PATCH"}


def browsers(patient: Patient) -> Iterator[Finding]:
    """Look for settings that keep browsers from being known, or keep them known for too long."""
    settings = patient.state.settings
    if not patient.signs_of_tls() and not _is_local(patient.app.config):
        yield Finding(
            "warning",
            "browsers",
            "Nothing says that the app is reached over HTTPS. Over plain HTTP no browser can make a key. "
            "So none is remembered, and users are asked for a code again and again.",
            "Serve the app over HTTPS and set SESSION_COOKIE_SECURE = True. On your own machine only, set "
            'TRUSTED_HOSTS = ["localhost"].',
        )
    if settings.browser_days == 0:
        yield Finding(
            "hint",
            "browsers",
            "ZEROTRUST_BROWSER_DAYS is 0: no browser is remembered. Users need a code after every login.",
            "Set a number of days, such as 30, unless you want that.",
        )
    if settings.new_browser == "movement":
        yield Finding(
            "warning",
            "browsers",
            'ZEROTRUST_NEW_BROWSER is "movement": a script that has the password of a user and a recording '
            "of somebody's movement opens guarded views without a code.",
            'Leave it out, or set ZEROTRUST_NEW_BROWSER = "challenge".',
        )
    yield from _passwords(patient)


def _is_local(config: Any) -> bool:
    """Return whether the configuration names hosts, and all of them are this machine."""
    hosts = list(config.get("TRUSTED_HOSTS") or ())
    hosts += [config["SERVER_NAME"]] if config.get("SERVER_NAME") else []
    return bool(hosts) and all(_LOCAL.fullmatch(re.sub(r":[0-9]+$", "", host)) for host in hosts)


def _passwords(patient: Patient) -> Iterator[Finding]:
    """Look for views that may change a password and do not call ``zt.password_changed``."""
    for rule in patient.app.url_map.iter_rules():
        view = patient.app.view_functions.get(rule.endpoint)
        writes = _WRITING & (rule.methods or set())
        if view is None or not writes or not _PASSWORDS.search(f"{rule.endpoint} {rule.rule}".lower()):
            continue
        # Flask-Security tells of changed passwords by itself.
        if (view.__module__ or "").startswith("flask_security") or _calls_it(view):
            continue
        yield Finding(
            "hint",
            "browsers",
            f"{'/'.join(sorted(writes))} {rule.rule} ({rule.endpoint}) may change a password and does not "
            "call zt.password_changed: browsers that a thief has made known stay known.",
            "Call zt.password_changed(user_id) after the change. Leave it if another function does so.",
        )


def _calls_it(view: Callable[..., Any]) -> bool:
    """Return whether a view, or a method of its class, names ``password_changed``."""
    view_class = getattr(view, "view_class", None)
    functions = [view] if view_class is None else [f for _, f in inspect.getmembers(view_class, callable)]
    codes = [getattr(inspect.unwrap(function), "__code__", None) for function in functions]
    return any(code is not None and _CALL in code.co_names for code in codes)
