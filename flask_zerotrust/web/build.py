"""The parts of one app, made from its settings: each of them once, and only those that it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from flask import Flask

from flask_zerotrust import config, stores
from flask_zerotrust.challenge import Challenges
from flask_zerotrust.config import Settings
from flask_zerotrust.delivery.senders import ConsoleMailer, ConsoleSender, OwnSender, TwilioSender
from flask_zerotrust.delivery.smtp import SmtpMailer
from flask_zerotrust.delivery.twilio import Place
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Mailer, Sender, Verifier
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.factors.twilio_verify import TwilioVerify
from flask_zerotrust.identity import load_background
from flask_zerotrust.identity.profile_store import Profiles
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.recordings.recorder import Recorder
from flask_zerotrust.replay.memory import ReplayMemory
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.sessions.browsers import Browsers
from flask_zerotrust.sessions.sessions import Sessions
from flask_zerotrust.sessions.tokens import serializer
from flask_zerotrust.web.request import is_developed
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.users import Loaders, client_address


def assemble(app: Flask, settings: Settings, loaders: Loaders, clock: Callable[[], float]) -> AppState:
    """Return the guard of one app.

    Raises
    ------
    ConfigError
        For a missing ``SECRET_KEY``, a store that cannot be written, or a model bundle that does not fit.
    """
    secrets = _secret_keys(app)
    keys = KeyRing(secrets)
    developed = app.debug or app.testing
    store = stores.from_url(settings.store, instance_path=app.instance_path, testing=developed, clock=clock)
    return AppState(
        settings=settings,
        store=store,
        keys=keys,
        scorer=load_bundle(*settings.model_and_hash()),
        sessions=Sessions(store, keys, settings, address=client_address),
        challenges=Challenges(store, keys, settings, totp=TotpFactor),
        enrolled=Enrolled(store, keys, clock=clock),
        browsers=Browsers(store, keys, settings),
        sender=_sender(app, settings, loaders, clock),
        mailer=_mailer(app, settings, clock),
        terminal_sender=ConsoleSender(partial(is_developed, app), clock=clock),
        terminal_mailer=ConsoleMailer(partial(is_developed, app), clock=clock),
        page_tokens=serializer(secrets, "zerotrust.page", clock),
        form_tokens=serializer(secrets, "zerotrust.form", clock),
        clock=clock,
        loaders=loaders,
        recorder=_recorder(app, settings, keys, clock),
        replays=_replays(settings, store),
        profiles=Profiles(store, keys, keep_s=settings.profile_days * 86_400.0),
        background=load_background() if settings.identity and settings.mode != "off" else None,
    )


def _secret_keys(app: Flask) -> list[str | bytes]:
    """Return the app's keys, newest first."""
    if not app.secret_key:
        raise ConfigError(
            "SECRET_KEY is not set. Flask-ZeroTrust signs tokens and encrypts secrets with it: set it "
            "before init_app, for example to the output of `python -c 'import secrets; "
            "print(secrets.token_hex())'`."
        )
    return [app.secret_key, *(app.config.get("SECRET_KEY_FALLBACKS") or [])]


def _replays(settings: Settings, store: stores.Store) -> ReplayMemory | None:
    if settings.replay_memory == 0 or settings.mode == "off":
        return None
    keep_s = settings.replay_days * 86_400.0
    return ReplayMemory(store, capacity=settings.replay_memory, keep_s=keep_s)


def _recorder(app: Flask, settings: Settings, keys: KeyRing, clock: Callable[[], float]) -> Recorder | None:
    if settings.record_dir is None or settings.mode == "off":
        return None
    folder = Path(app.instance_path) / settings.record_dir
    if app.static_folder is not None and folder.resolve().is_relative_to(Path(app.static_folder).resolve()):
        raise ConfigError(
            f"ZEROTRUST_RECORD_DIR ({str(folder)!r}) lies in the static folder, which everyone can read. "
            "Name a folder outside of it."
        )
    return Recorder(
        folder, keys, max_bytes=settings.record_max_bytes, keep_s=settings.record_keep_s, clock=clock
    )


def _sender(
    app: Flask, settings: Settings, loaders: Loaders, clock: Callable[[], float]
) -> Sender | Verifier | None:
    if settings.sms_sender == "console":
        console = ConsoleSender(partial(is_developed, app), clock=clock)
        console.check()
        return console
    if settings.sms_sender == "app":
        return OwnSender(lambda: loaders.send_text)
    if settings.sms_sender == "twilio":
        sid, token, place = _twilio_account(settings)
        return TwilioSender(sid, token, settings.twilio_from or "", config.PROVIDER_TIMEOUT_S, place=place)
    if settings.sms_sender == "twilio-verify":
        sid, token, place = _twilio_account(settings)
        service = settings.twilio_verify_service or ""
        return TwilioVerify(sid, token, service, config.PROVIDER_TIMEOUT_S, place=place)
    return None


def _twilio_account(settings: Settings) -> tuple[str, str, Place]:
    key = settings.twilio_api_key
    token = settings.twilio_api_secret if key else settings.twilio_auth_token
    place = Place(key, settings.twilio_region, settings.twilio_edge)
    return settings.twilio_account_sid or "", token or "", place


def _mailer(app: Flask, settings: Settings, clock: Callable[[], float]) -> Mailer | None:
    if settings.email_sender == "console":
        console = ConsoleMailer(partial(is_developed, app), clock=clock)
        console.check()
        return console
    if settings.email_sender == "smtp":
        return SmtpMailer(
            host=settings.smtp_host or "",
            port=settings.smtp_port,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=settings.smtp_password,
            from_=settings.smtp_from or "",
            timeout_s=config.PROVIDER_TIMEOUT_S,
        )
    return None
