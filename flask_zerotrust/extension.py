"""The class ``ZeroTrust`` that apps call. ``init_app`` connects the parts to the app, and makes none."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Collection, Iterator
from typing import Any

from flask import Flask, request
from flask.wrappers import Response
from werkzeug.local import LocalProxy

from flask_zerotrust import i18n
from flask_zerotrust.config import Settings
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors import phone_numbers, webauthn
from flask_zerotrust.factors.base import Mailer, Sender, Verifier
from flask_zerotrust.factors.email import EmailFactor
from flask_zerotrust.factors.sms import SmsFactor
from flask_zerotrust.factors.twilio_verify import VerifiedSmsFactor, sms_factor
from flask_zerotrust.identity.profile_store import Progress
from flask_zerotrust.recordings.recorder import Consent
from flask_zerotrust.web import (
    accounts,
    audit_log,
    csrf,
    first_run,
    logins,
    nonces,
    renewal,
    responses,
    translations,
)
from flask_zerotrust.web.build import assemble
from flask_zerotrust.web.decorator import step_up_required
from flask_zerotrust.web.endings import log_out_ended, tell
from flask_zerotrust.web.form_movement import StrippingRequest
from flask_zerotrust.web.pairing import set_pair
from flask_zerotrust.web.placement import find_cached, find_misplaced
from flask_zerotrust.web.protection import Protection, protect
from flask_zerotrust.web.request import log, this_app
from flask_zerotrust.web.script_tag import zerotrust_script
from flask_zerotrust.web.session_interface import seals
from flask_zerotrust.web.state import AppState, this_state
from flask_zerotrust.web.users import (
    AccountName,
    FactorsLoader,
    IdentityConsent,
    Loaders,
    LogoutHandler,
    Notify,
    SendText,
    UserIdLoader,
    check_source,
)
from flask_zerotrust.web.views import CSRF_EXEMPT, make_blueprint, owner_notices
from flask_zerotrust.web.visit import CurrentRisk

# Apps of this process, so that a view guarded in one may be plain in another.
_apps: weakref.WeakSet[Flask] = weakref.WeakSet()

#: Functions by which the extension's templates get their texts.
TEXTS = {
    "zt_gettext": i18n.gettext,
    "zt_ngettext": i18n.ngettext,
    "zt_language": i18n.language,
    "zt_direction": i18n.direction,
}


def _current_risk() -> CurrentRisk:
    return this_state().visit.current()


#: The risk of the current session: ``value``, ``level``, ``age_s``, ``reasons``. Also in templates.
# A proxy of it. Werkzeug types it by its target.
current_risk: CurrentRisk = LocalProxy(_current_risk)  # type: ignore[assignment]


class ZeroTrust:
    """Flask-ZeroTrust for one app or, with :meth:`init_app`, for several.

    Parameters
    ----------
    app : Flask, optional
        Set up at once. Otherwise call :meth:`init_app`.
    clock : callable
        Returns wall-clock seconds. Tests pass their own.

    Examples
    --------
    >>> app = Flask(__name__)
    >>> app.config.update(SECRET_KEY="dev", ZEROTRUST_STORE="memory://", TESTING=True)
    >>> zt = ZeroTrust(app)
    """

    def __init__(self, app: Flask | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._loaders = Loaders()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add the extension to an app, after its configuration is complete.

        Parameters
        ----------
        app : Flask

        Raises
        ------
        ConfigError
            For a bad or unknown ``ZEROTRUST_`` key, a missing ``SECRET_KEY``, a store that cannot be
            written, a model bundle that does not fit, or an app with ``host_matching``.

        Examples
        --------
        >>> zt = ZeroTrust()
        >>> def create_app():
        ...     app = Flask(__name__)
        ...     app.config.update(SECRET_KEY="dev", ZEROTRUST_STORE="memory://", TESTING=True)
        ...     zt.init_app(app)
        ...     return app
        >>> app = create_app()
        """
        if "zerotrust" in app.extensions:
            raise ConfigError(
                f"ZeroTrust is already set up for {app.name!r}. Call init_app once for each app."
            )
        if app.url_map.host_matching:
            raise ConfigError(
                f"{app.name!r} uses host_matching, under which the extension's own pages are found on "
                "no host. Make one app for each host, and join them: docs/integrations/factory.md."
            )
        settings = Settings.from_mapping(app.config)
        if settings.passkeys:
            webauthn.library()  # or a ConfigError that says what to install
        if settings.sms_sender != "none":
            phone_numbers.check_countries(*settings.sms_prefixes, *settings.sms_denied)
        app.extensions["zerotrust"] = assemble(app, settings, self._loaders, self._clock)
        app.register_blueprint(make_blueprint(settings.url_prefix))
        app.jinja_env.globals.update(zerotrust_script=zerotrust_script, current_risk=current_risk)
        app.jinja_env.globals.update(TEXTS, zt_logout_url=settings.logout_url)
        app.jinja_env.globals.update(zt_nonce=nonces.nonce_attribute, zt_csrf_field=csrf.field)
        translations.connect()
        app.request_class = type("ZeroTrustRequest", (StrippingRequest, app.request_class), {})
        # Ahead of the app's own functions, so that nothing runs in an app that is not complete, or
        # for a session that was ended. The blueprint has put the first of them there.
        before = app.before_request_funcs.setdefault(None, [])
        before[:1] = [check_complete, *before[:1], _begin]
        # The first of these is called last, after the app's own functions.
        app.after_request_funcs.setdefault(None, [])[:0] = [responses.protect, _end]
        logins.connect(app)
        owner_notices.connect(app)
        if settings.audit_log:
            audit_log.connect(app)
        _apps.add(app)

    def protect(
        self,
        *endpoints: str,
        methods: Collection[str] | None = None,
        max_risk: float | None = None,
        max_age_s: float | None = None,
        always: bool = False,
        action: str | None = None,
    ) -> None:
        """Guard views that you do not own, such as those of Flask-Admin. Call it before the first request.

        Parameters
        ----------
        *endpoints : str
            Endpoints as ``flask routes`` lists them. ``"user.*"`` names all views of a blueprint.
        methods, max_risk, max_age_s, always, action
            As for :func:`step_up_required`.

        Raises
        ------
        ConfigError
            For limits out of range, and after the first request. At the first request for an endpoint that
            the app does not have: the message names similar ones.

        Examples
        --------
        >>> zt.protect("user.edit_view", "user.delete_view", methods=["POST"], action="change a user")
        """
        if any(app.extensions["zerotrust"].checked for app in _apps if self._serves(app)):
            raise ConfigError("zt.protect came after the first request: call it where the app is made.")
        if not endpoints:
            raise ConfigError("zt.protect needs endpoints, such as zt.protect('user.edit_view').")
        guard_view = step_up_required(
            max_risk=max_risk, max_age_s=max_age_s, always=always, action=action, methods=methods
        )
        self._loaders.protections.append(Protection(endpoints, guard_view))

    def _serves(self, app: Flask) -> bool:
        return app.extensions["zerotrust"].loaders is self._loaders

    def user_id_loader(self, loader: UserIdLoader) -> UserIdLoader:
        """Register a function () that returns the id of the user who is logged in. Flask-Login needs none.

        Parameters
        ----------
        loader : callable
            Returns str, int, UUID, or None if nobody is logged in. The id is kept as text, and
            :meth:`factors_loader` gets it so. It must stay the same as long as the account exists.

        Examples
        --------
        >>> @zt.user_id_loader
        ... def user_id():
        ...     return session.get("user")
        """
        self._loaders.user_id = loader
        return loader

    def factors_loader(self, loader: FactorsLoader) -> FactorsLoader:
        """Register a function (user id) that returns the factors that the app itself keeps.

        Parameters
        ----------
        loader : callable
            Returns a list of :class:`Factor`, empty for a user without one. Numbers and addresses must be
            verified: whoever reads them passes step-ups.

        Examples
        --------
        >>> @zt.factors_loader
        ... def factors(user_id):
        ...     return [zt.email_factor("ada@bank.example")]
        """
        self._loaders.factors = loader
        return loader

    def record_consent(self, consent: Consent) -> Consent:
        """Register a function (user id or None) that says whether a user's movement may be recorded.

        Parameters
        ----------
        consent : callable
            Returns bool. It is asked for every batch, so it should be quick. Anything but True is no.

        Examples
        --------
        >>> @zt.record_consent
        ... def may_record(user_id):
        ...     return user_id in {"ada"}
        """
        self._loaders.record_consent = consent
        return consent

    def identity_consent(self, consent: IdentityConsent) -> IdentityConsent:
        """Register a function (user id) that says whether a user agrees to a profile of their movement.

        If a user takes the consent back, call :meth:`forget_profile` too.

        Parameters
        ----------
        consent : callable
            Returns bool. It is asked for every batch, so it should be quick. Anything but True is no.

        Examples
        --------
        >>> @zt.identity_consent
        ... def agrees(user_id):
        ...     return user_id in {"ada"}
        """
        self._loaders.identity_consent = consent
        return consent

    def notify(self, notify: Notify) -> Notify:
        """Register a function (user id, event, text) that tells a user of changes to the account.

        It takes the place of the messages that the extension sends by itself. ``event`` is
        ``"factor-added"``, ``"factor-removed"``, ``"recovery-codes-made"``, ``"recovery-code-used"``,
        ``"factors-reset"``, ``"unlocked"``, ``"browser-remembered"``, ``"wrong-codes"`` or ``"latched"``,
        and ``text`` says so in words. The last two come once a day at most. Its errors are logged, and
        the change stands.

        Parameters
        ----------
        notify : callable

        Examples
        --------
        >>> told = []
        >>> @zt.notify
        ... def tell(user_id, event, text):
        ...     told.append((user_id, text))
        """
        self._loaders.notify = notify
        return notify

    def text_sender(self, send: SendText) -> SendText:
        """Register a function (number, text) that sends a text message: ``ZEROTRUST_SMS_SENDER = "app"``.

        The number is ``+`` and digits. Raise :class:`~flask_zerotrust.errors.SenderError` if it cannot be
        sent, with neither number nor text in it. Codes, notices and the pages that add numbers use it.

        Parameters
        ----------
        send : callable

        Examples
        --------
        >>> @zt.text_sender
        ... def send_text(number, text):
        ...     provider.messages.create(to=number, body=text)
        """
        self._loaders.send_text = send
        return send

    def account_name(self, name: AccountName) -> AccountName:
        """Register a function (user id) -> str: the name of the account on the user's devices.

        An authenticator app shows it below the site's name, and a passkey keeps it. Without it that is the
        user's id, or nothing if the id is a number or a UUID.

        Parameters
        ----------
        name : callable

        Examples
        --------
        >>> @zt.account_name
        ... def account_name(user_id):
        ...     return db.session.get(User, user_id).email
        """
        self._loaders.account_name = name
        return name

    def logout_handler(self, handler: LogoutHandler) -> LogoutHandler:
        """Register a function () that ends the app's own login in the current request.

        It is called at the next request of a session that was ended, by its user on the page of sessions
        or by an operator. Without it Flask-Login's ``logout_user()`` is called, and in an app without
        Flask-Login the session is cleared.

        Parameters
        ----------
        handler : callable

        Examples
        --------
        >>> @zt.logout_handler
        ... def log_out():
        ...     session.pop("user", None)
        """
        self._loaders.logout = handler
        return handler

    def end_sessions(self, user: str) -> None:
        """End all sessions of a user. Call it when an account is disabled.

        Grants and proofs end at once, and each session is logged out at its next request. Remembered
        browsers stay remembered: they open nothing before a login.

        Parameters
        ----------
        user : str

        Raises
        ------
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.end_sessions("ada")
        """
        this_state().sessions.end_all(user)
        tell(this_app(), user, None, "app")

    def profile(self, user: str) -> Progress:
        """Return the progress of a user's movement profile. Without ``ZEROTRUST_IDENTITY`` it never begins.

        Parameters
        ----------
        user : str

        Returns
        -------
        Progress
            ``strokes`` learnt of ``needed``, ``ready``, ``stopped``, and ``updated_at`` or None.

        Raises
        ------
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.profile("ada").ready
        False
        """
        return this_state().profiles.progress(user)

    def forget_profile(self, user: str) -> None:
        """Erase a user's movement profile, also from the store's own files.

        Learning begins again with the next proven session, unless the user no longer agrees.

        Parameters
        ----------
        user : str

        Raises
        ------
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.forget_profile("ada")
        """
        this_state().profiles.forget(user)

    def stop_profile(self, user: str) -> None:
        """Erase a user's movement profile, and keep that this user wants none.

        Parameters
        ----------
        user : str

        Raises
        ------
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.stop_profile("ada")
        ...     zt.profile("ada").stopped
        True
        """
        this_state().profiles.stop(user)

    def resume_profile(self, user: str) -> None:
        """Undo :meth:`stop_profile`.

        Parameters
        ----------
        user : str

        Raises
        ------
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.resume_profile("ada")
        ...     zt.profile("ada").stopped
        False
        """
        this_state().profiles.resume(user)

    def forget_user(self, user: str) -> None:
        """Erase all rows of a user. Call it when an account is deleted.

        Factors, sessions, grants, latches and the movement profile go, also from the store's own files.
        Claims of used codes and counts of wrong tries name the user, too. They expire within 30 days.

        Parameters
        ----------
        user : str
            The id that :meth:`user_id_loader` returns for this user.

        Raises
        ------
        StoreError
            If the store does not answer. Some rows may be erased then: call it again.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.forget_user("ada")
        """
        state = this_state()
        state.store.disown("user:" + user)
        state.profiles.forget(user)

    def reset_factors(self, user: str, id: str | None = None) -> list[str]:
        """Remove one factor or all factors that a user enrolled here, and end the grants that they gave.

        After all were removed, the user counts as one who never had a factor. With
        ``ZEROTRUST_ENROL = "first-use"`` their next login may enrol one. After one was removed, it may not.
        All sessions have to confirm again, and remembered browsers are forgotten. The owner is told on the
        ways there were before. Check first that you talk to the user. The command
        ``flask zerotrust factors USER --reset ID`` or ``--reset-all`` does this, too.

        Parameters
        ----------
        user : str
        id : str, optional
            The factor to remove, such as ``"totp"``. All of them if left out.

        Returns
        -------
        list of str
            The ids of the factors that were removed.

        Raises
        ------
        ConfigError
            If the user has enrolled no factor of this id.
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.reset_factors("ada")
        []
        """
        return accounts.reset_factors(this_state(), user, id, reason="app")

    def unlock(self, user: str) -> bool:
        """Open an account that is locked or paused after too many wrong codes in a row, in all browsers.

        The owner is told. Check first that you talk to the user: whoever typed the wrong codes may type
        more. The command ``flask zerotrust unlock USER`` does this, too.

        Parameters
        ----------
        user : str

        Returns
        -------
        bool
            Whether wrong codes or pauses were counted.

        Raises
        ------
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.unlock("ada")
        False
        """
        return accounts.unlock(this_state(), user, reason="app")

    def password_changed(self, user: str) -> None:
        """Forget a user's browsers and end all grants. Call it after a password was changed or reset.

        The next protected view of every session asks for a code again, the current one included. Nobody
        is logged out. The signal ``grant_revoked`` is sent for each session with the reason
        ``"password_changed"``.

        With Flask-Security nothing has to be called: its signals ``password_changed`` and
        ``password_reset`` do it.

        Parameters
        ----------
        user : str

        Raises
        ------
        StoreError
            If the store does not answer.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.password_changed("ada")
        """
        accounts.end_trust(this_state(), user, reason="password_changed")

    def sms_factor(
        self, number: str, *, id: str = "sms", label: str | None = None
    ) -> SmsFactor | VerifiedSmsFactor:
        """Return a text-message factor for a verified number, over the configured sender.

        Without a sender, its messages go to the terminal while the app is in debug mode or ``TESTING``.

        Parameters
        ----------
        number : str
            With ``+`` or ``00`` and the country code.
        id : str
            Name among the user's factors.
        label : str, optional
            Name that the user reads. Without one, a sentence with the last two digits.

        Raises
        ------
        ConfigError
            If ``ZEROTRUST_SMS_SENDER`` is ``"none"`` in production, or the number is not in international
            form.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.sms_factor("+44 7700 900123").label
        'Text message to the number ending in 23'
        """
        return sms_factor(number, self.sender, id=id, label=label)

    @property
    def sender(self) -> Sender | Verifier:
        """The current app's sender of text messages, or the service that sends and checks their codes.

        Raises
        ------
        ConfigError
            If ``ZEROTRUST_SMS_SENDER`` is ``"none"`` in production.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.sender.send("+447700900123", "Your card is on its way.")
        --- text message to +447700900123
        Your card is on its way.
        ---
        """
        sender = this_state().factors.sender()
        if sender is None:
            raise ConfigError(
                "ZEROTRUST_SMS_SENDER is 'none': set it to 'console', 'app', 'twilio' or 'twilio-verify'. "
                "While you develop, run with: flask run --debug. Then messages go to the terminal."
            )
        return sender

    def email_factor(self, address: str, *, id: str = "email", label: str | None = None) -> EmailFactor:
        """Return an e-mail factor for a verified address, over the configured sender.

        Without a sender, its mail goes to the terminal while the app is in debug mode or ``TESTING``.

        Parameters
        ----------
        address : str
        id : str
            Name among the user's factors.
        label : str, optional
            Name that the user reads. Without one, a sentence with the masked address.

        Raises
        ------
        ConfigError
            If ``ZEROTRUST_EMAIL_SENDER`` is ``"none"`` in production, or the address is malformed.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.email_factor("ada@bank.example").label
        'E-mail to a…@bank.example'
        """
        return EmailFactor(address, self.mailer, id=id, label=label)

    @property
    def mailer(self) -> Mailer:
        """The current app's sender of mail.

        Raises
        ------
        ConfigError
            If ``ZEROTRUST_EMAIL_SENDER`` is ``"none"`` in production.

        Examples
        --------
        >>> with app.app_context():
        ...     zt.mailer.send("ada@bank.example", "Hello", "Your card is on its way.")
        --- mail “Hello” to ada@bank.example
        Your card is on its way.
        ---
        """
        mailer = this_state().factors.mailer()
        if mailer is None:
            raise ConfigError(
                "ZEROTRUST_EMAIL_SENDER is 'none': set it to 'console' or 'smtp'. "
                "While you develop, run with: flask run --debug. Then mail goes to the terminal."
            )
        return mailer


def _check_consent(state: AppState) -> None:
    if state.background is not None and state.loaders.identity_consent is None:
        raise ConfigError(
            "ZEROTRUST_IDENTITY is set, but nothing says who agrees to a profile of how they move: name a "
            "function with @zt.identity_consent that takes the user's id and returns True for those who do."
        )
    if state.recorder is not None and state.loaders.record_consent is None:
        raise ConfigError(
            "ZEROTRUST_RECORD_DIR is set, but nothing says who agrees to be recorded: name a function with "
            "@zt.record_consent that takes the user's id (or None) and returns True for those who do."
        )


def check_complete() -> None:
    """Check a complete app, at its first request."""
    state = this_state()
    if state.checked:
        return
    check_source(state.loaders.user_id)
    logins.connect(this_app())
    logins.watch_views(this_app())
    _check_consent(state)
    if not isinstance(request, StrippingRequest):
        raise ConfigError(
            "app.request_class was replaced after init_app, so movement that rides in forms would reach "
            "your views. Set it before ZeroTrust(app) or init_app(app)."
        )
    protect(this_app(), state.loaders.protections, state.protected)
    rest = [function for app in list(_apps) for function in _called(app)]
    find_misplaced(_called(this_app()), rest)
    find_cached(_called(this_app()))
    csrf.exempt(CSRF_EXEMPT)
    first_run.warn(state)
    state.checked = True


def _called(app: Flask) -> Iterator[Callable[..., Any]]:
    """Yield the functions of requests: views, and those of the app and its blueprints before them."""
    yield from app.view_functions.values()
    for functions in app.before_request_funcs.values():
        yield from functions


def _begin() -> None:
    """Follow a session whose id was renewed, and end the login of one that was ended. But not for files."""
    state = this_state()
    is_file = (request.endpoint or "").rpartition(".")[2] == "static"
    if state.settings.mode == "off" or is_file:
        return
    state.visit.follow_renewal()
    if not seals(request.environ):  # where no session is saved, nobody is logged out
        log_out_ended(state)


def _end(response: Response) -> Response:
    """Follow logins and logouts that no signal told, and set the cookies of this session."""
    if seals(request.environ):
        return response
    try:
        logins.follow(this_state())
    except Exception:  # the app's own loader: an answer that is ready stays what it is
        log.exception("who is logged in could not be told at the end of a request")
    set_pair(response)
    renewal.set_renewed(response)
    return response
