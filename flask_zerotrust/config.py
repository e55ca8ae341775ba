"""ZEROTRUST_* keys, checked once and frozen into Settings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from flask_zerotrust.errors import ConfigError

PREFIX = "ZEROTRUST_"

#: Seconds that two synchronised clocks can differ. A time further ahead is forged or broken.
CLOCK_SLACK_S = 5.0

#: Life in seconds of an unanswered challenge.
CHALLENGE_S = 900.0
#: Life in seconds of a sent code. NIST SP 800-63B-4, section 3.1.3.3: at most 600.
CODE_S = 300.0
#: Tries that a challenge takes.
CODE_TRIES = 5
#: Wrong codes after which a factor pauses, longer each time.
FACTOR_FAILURES = 10
#: Seconds between two sent codes.
RESEND_S = 30.0
#: Longest wait in seconds for Twilio or the mail server.
PROVIDER_TIMEOUT_S = 10.0
#: Seconds for which a required challenge is remembered for a user.
LATCH_S = 86_400.0
#: Life in seconds of a page token.
TOKEN_S = 3_600.0
#: Bytes and events of the largest batch that collector.js sends.
MAX_BATCH_BYTES = 16_384
MAX_BATCH_EVENTS = 1_500
#: Bytes of the largest form that is kept through a step-up.
PARK_BYTES = 65_536

#: Letters of the contact in messages to owners, which have to fit into a text message.
MAX_SUPPORT_CHARS = 100

Mode = Literal["enforce", "observe", "off"]
NewBrowser = Literal["challenge", "movement"]
Enrol = Literal["factor", "first-use"]
SmsSender = Literal["none", "console", "app", "twilio", "twilio-verify"]
EmailSender = Literal["none", "console", "smtp"]
SmtpSecurity = Literal["starttls", "ssl", "none"]

#: Kinds of phone numbers that ``phonenumbers`` knows.
NUMBER_KINDS = (
    *("mobile", "fixed_line", "fixed_line_or_mobile", "voip", "toll_free"),
    *("premium_rate", "shared_cost", "personal_number", "pager", "uan", "voicemail"),
)
#: Kinds that can earn money for whoever rents them, or belong to nobody's phone.
DENIED_KINDS = ("premium_rate", "shared_cost", "personal_number", "pager", "uan", "voicemail")

# A country by its calling code or a longer prefix, or by the two letters of ISO 3166.
_COUNTRY = re.compile(r"\+[0-9]{1,14}|[A-Z]{2}", re.ASCII)

# A source of frame-ancestors (CSP): this site, or an origin, also with all hosts below a domain.
_ANCESTOR = re.compile(r"'self'|https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?", re.ASCII)

# A name without anything that ends it, and an address. No line breaks.
_FROM = re.compile(r"[^\r\n<>,;@]*<[^\s<>,;@]+@[^\s<>,;@]+>|[^\s<>,;@]+@[^\s<>,;@]+")

# Words in field names that stand for passwords, cards and codes, without accents. How they are matched:
# challenge.parking.is_secret. From six letters on they are found inside longer words as well, and Chinese,
# Japanese and Korean ones in any.
NEVER_PARK = tuple(
    re.findall(
        r"\S+",
        """
        pass password passwd passcode passphrase pwd pw secret apikey privatekey accesstoken
        securityanswer ssn card cardnumber creditcard debitcard ccnum ccnumber cvc cvv csc
        pin pincode tan mtan code otp totp mfa 2fa securitycode smscode authcode otpcode onetimecode
        verificationcode recoverycode backupcode seedphrase mnemonic

        passwort kennwort geheimzahl geheimwort kreditkarte kartennummer
        wachtwoord motdepasse mdp cartebancaire numerocarte contrasena contrasenya clave numerotarjeta
        senha palavrapasse parola numerocarta
        losenord passord kodeord adgangskode lykilord salasana parool salasona slaptazodis
        haslo heslo jelszo lozinka geslo sifre matkhau katasandi parol mima
        пароль парола лозинка κωδικος συνθηματικο סיסמה סיסמא كلمةالمرور كلمةالسر رمزعبور گذرواژه
        पासवर्ड รหัสผ่าน 密码 密碼 口令 パスワード 暗証番号 비밀번호 암호
        """,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsLimits:
    """Most text messages an hour, each from 1 to 10,000,000.

    Attributes
    ----------
    number : int
        To one number. Browsers that are known to the user have as many of their own.
    user : int
        For one user. Browsers that are known to the user have as many of their own.
    prefix : int
        To numbers that share their first six digits.
    total : int
    """

    number: int = 5
    user: int = 6
    prefix: int = 60
    total: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailLimits:
    """Most mails an hour, each from 1 to 10,000,000.

    Attributes
    ----------
    address : int
        To one address. Browsers that are known to the user have as many of their own.
    user : int
        For one user. Browsers that are known to the user have as many of their own.
    total : int
    """

    address: int = 5
    user: int = 6
    total: int = 1_000


_MAX_LIMIT = 10_000_000

# Former keys, and their replacements.
_FORMER = {
    "BIND_BROWSER": "A session always counts in one browser only: leave it out.",
    "FACTOR_PAUSE_S": "The first pause is always 60 s: leave it out.",
    "UNKNOWN_GRANT_S": "Set ZEROTRUST_KEYLESS_S.",
    "MODEL_SHA256": "Add the hash to ZEROTRUST_MODEL: 'FOLDER#sha256=HASH'.",
    "TWILIO_TIMEOUT_S": f"It is always {PROVIDER_TIMEOUT_S:g}: leave it out.",
    "SMTP_TIMEOUT_S": f"It is always {PROVIDER_TIMEOUT_S:g}: leave it out.",
    **{
        name: f"It is always {value:g}: leave it out."
        for name, value in {
            "CHALLENGE_S": CHALLENGE_S,
            "CODE_S": CODE_S,
            "CODE_TRIES": CODE_TRIES,
            "FACTOR_FAILURES": FACTOR_FAILURES,
            "RESEND_S": RESEND_S,
            "LATCH_S": LATCH_S,
            "TOKEN_S": TOKEN_S,
            "MAX_BATCH_BYTES": MAX_BATCH_BYTES,
            "MAX_BATCH_EVENTS": MAX_BATCH_EVENTS,
            "PARK_BYTES": PARK_BYTES,
        }.items()
    },
    **{
        name: f"Set ZEROTRUST_{name.partition('_')[0]}_LIMITS = {{{entry!r}: ...}}."
        for name, entry in {
            "SMS_PER_NUMBER_HOUR": "number",
            "SMS_PER_USER_HOUR": "user",
            "SMS_PER_PREFIX_HOUR": "prefix",
            "SMS_TOTAL_HOUR": "total",
            "EMAIL_PER_ADDRESS_HOUR": "address",
            "EMAIL_PER_USER_HOUR": "user",
            "EMAIL_TOTAL_HOUR": "total",
        }.items()
    },
}


def _setting(
    default: Any, doc: str, *, low: float | None = None, high: float | None = None, secret: bool = False
) -> Any:
    """Declare one key: its default, its meaning, and the closed range it must stay in.

    The value of a secret one is never shown, neither in errors nor in the repr.
    """
    limits = {"doc": doc, "low": low, "high": high, "secret": secret}
    return field(default=default, metadata=limits, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a site can tune. Field ``half_life_s`` is the key ``ZEROTRUST_HALF_LIFE_S``."""

    mode: Mode = _setting("enforce", "enforce, observe (decide, but let everyone pass) or off")
    url_prefix: str = _setting("/zerotrust", "where the extension's own pages live")
    store: str = _setting(
        "sqlite:///zerotrust.sqlite",
        "sqlite:///FILE (relative: in the instance folder), redis://HOST:PORT/DB or memory:// (with DEBUG "
        "or TESTING only)",
        secret=True,  # it may hold a password
    )
    logout_url: str | None = _setting(
        None, "address of the app's logout, such as '/logout', which every page of the extension links to"
    )
    frame_ancestors: tuple[str, ...] = _setting(
        (),
        "who may show the extension's pages in a frame: \"'self'\", or origins such as "
        "'https://lms.example'; none: they open in a window of their own",
    )
    expose_risk: bool = _setting(False, "serve the live status endpoint; a shown score is an oracle")

    model: str | None = _setting(
        None,
        "folder of a model bundle and the SHA-256 of its manifest, such as 'my-model#sha256=4f1c...'; "
        "None is the one that ships",
    )
    max_risk: float | None = _setting(
        None, "default of max_risk: a higher risk is challenged; None takes the model's own", low=0, high=1
    )
    half_life_s: float = _setting(
        900.0, "time in which an idle session forgets half its evidence", low=1, high=86_400
    )

    replay_memory: int = _setting(
        0,
        "strokes of users kept to know replays by (try 100_000), a quarter as many of visitors; 0: none",
        low=0,
        high=500_000,
    )
    replay_days: float = _setting(
        30.0, "days for which the strokes of ZEROTRUST_REPLAY_MEMORY are kept", low=1, high=365
    )

    grant_s: float = _setting(
        300.0,
        "age in seconds up to which a passed step-up or a proof by the browser's key counts",
        low=1,
        high=86_400,
    )
    new_browser: NewBrowser = _setting(
        "challenge",
        "challenge: a browser without a passed factor is asked for a code, however it moves; "
        "movement: good movement alone opens a view",
    )
    browser_days: float = _setting(
        30.0, "days for which a remembered browser needs no code; 0 remembers none", low=0, high=365
    )
    keyless_s: float = _setting(
        1_800.0,
        "age in seconds up to which a passed step-up counts in a browser that can make no key",
        low=1,
        high=86_400,
    )
    session_s: float = _setting(
        86_400.0, "how long a session's record is kept after its last batch", low=60, high=2_678_400
    )

    record_dir: str | None = _setting(
        None,
        "folder where the movement of people who agree is recorded (relative: in the instance folder); "
        "None records nothing",
    )
    record_max_bytes: int = _setting(
        268_435_456, "size of all recordings; the oldest go first", low=1_048_576, high=1_099_511_627_776
    )
    record_keep_s: float = _setting(
        2_592_000.0, "how long recordings are kept at most", low=3_600, high=31_536_000
    )

    audit_log: bool = _setting(
        False, "write every signal as one JSON line to the logger flask_zerotrust.audit"
    )
    identity: bool = _setting(
        False, "learn how each user who agrees moves, and ask for a code when it seems to be another person"
    )
    profile_days: int = _setting(
        180, "days that a movement profile is kept after it last learnt something", low=1, high=3_650
    )

    never_park: tuple[str, ...] = _setting(
        NEVER_PARK, "parts of field names whose values are never kept through a step-up"
    )

    enrol: Enrol = _setting(
        "factor", "factor: a first factor must come from the app; first-use: a login may enrol one"
    )
    tell_owner: bool = _setting(
        True, "send the person's numbers and addresses a message when a factor is added or removed"
    )
    support: str = _setting(
        "", "how users reach your support, such as 'help@bank.example', for challenges and owners"
    )
    passkeys: bool = _setting(False, "offer passkeys and security keys; needs the extra [webauthn]")
    webauthn_rp_id: str | None = _setting(
        None, "domain that passkeys are bound to, such as 'bank.example', with origins; None: the host"
    )
    webauthn_origins: tuple[str, ...] = _setting(
        (), "origins that passkeys may be used at, such as 'https://www.bank.example'; none: the request's"
    )
    issuer: str = _setting("", "name shown in authenticator apps; empty takes the app's name")
    sms_sender: SmsSender = _setting(
        "none", "none, console (development only), app (your own function), twilio or twilio-verify"
    )
    sms_prefixes: tuple[str, ...] = _setting(
        (),
        "countries that get messages: '+44' is the United Kingdom alone, '+1' the United States, "
        "and two letters name any other, such as 'CA'",
    )
    sms_denied: tuple[str, ...] = _setting(
        DENIED_KINDS, "kinds of numbers, countries ('JM') and prefixes ('+4479') that get no messages"
    )
    sms_limits: SmsLimits = _setting(
        SmsLimits(), "most text messages an hour; limits that you leave out stay"
    )
    twilio_account_sid: str | None = _setting(None, "Twilio account, AC...")
    twilio_auth_token: str | None = _setting(None, "Twilio auth token", secret=True)
    twilio_api_key: str | None = _setting(None, "Twilio API key, SK..., in place of the auth token")
    twilio_api_secret: str | None = _setting(None, "secret of ZEROTRUST_TWILIO_API_KEY", secret=True)
    twilio_region: str | None = _setting(None, "where Twilio keeps the data, such as ie1; with the edge")
    twilio_edge: str | None = _setting(
        None, "edge through which Twilio is reached, such as dublin; with the region"
    )
    twilio_from: str | None = _setting(None, "Twilio sender number or messaging service, MG...")
    twilio_verify_service: str | None = _setting(
        None, "Twilio Verify service, VA..., whose codes have six digits"
    )

    email_sender: EmailSender = _setting("none", "none, console (development only) or smtp")
    email_limits: EmailLimits = _setting(
        EmailLimits(), "most mails an hour; limits that you leave out stay"
    )
    smtp_host: str | None = _setting(None, "server that takes the site's mail")
    smtp_port: int = _setting(
        587, "port of the mail server: 587 with starttls, 465 with ssl", low=1, high=65_535
    )
    smtp_security: SmtpSecurity = _setting(
        "starttls", "starttls, ssl (TLS from the start) or none (a server on this machine)"
    )
    smtp_user: str | None = _setting(None, "user at the mail server; None does not log in")
    smtp_password: str | None = _setting(None, "password of ZEROTRUST_SMTP_USER", secret=True)
    smtp_from: str | None = _setting(None, "sender of mail, such as 'Bank <no-reply@bank.example>'")

    def model_and_hash(self) -> tuple[str | None, str | None]:
        """Return the folder of the model and the SHA-256 of its manifest, each None if not named."""
        folder, mark, sha256 = (self.model or "").partition("#sha256=")
        return folder or None, sha256 if mark else None

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Settings:
        """Read the ``ZEROTRUST_`` keys of an app's config.

        Raises
        ------
        ConfigError
            For a key that does not exist (naming the nearest one), a value of the wrong type or
            out of range, and keys that do not go together.
        """
        known = {PREFIX + f.name.upper(): f for f in fields(cls)}
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for key in (k for k in config if isinstance(k, str) and k.startswith(PREFIX)):
            if key not in known:
                raise ConfigError(_unknown(key, list(known)))
            f = known[key]
            values[f.name] = _checked(key, config[key], hints[f.name], f.metadata)
        settings = cls(**values)
        settings._check_together()
        return settings

    def _check_together(self) -> None:
        if not self.url_prefix.startswith("/") or self.url_prefix.endswith("/"):
            raise ConfigError(
                f"{PREFIX}URL_PREFIX must start with '/' and not end with it, got {self.url_prefix!r}."
            )
        if self.logout_url is not None and not self.logout_url.startswith(("/", "https://", "http://")):
            raise ConfigError(
                f"{PREFIX}LOGOUT_URL must be a path or a URL, such as '/logout', got {self.logout_url!r}."
            )
        if self.keyless_s < self.grant_s:
            raise ConfigError(
                f"{PREFIX}KEYLESS_S ({self.keyless_s:g}) must not be shorter than {PREFIX}GRANT_S "
                f"({self.grant_s:g}): it is the longer age for browsers that can make no key."
            )
        if len(self.support) > MAX_SUPPORT_CHARS or not self.support.isprintable():
            raise ConfigError(
                f"{PREFIX}SUPPORT must be one line of at most {MAX_SUPPORT_CHARS} characters, such as "
                f"'help@bank.example', got {self.support!r}."
            )
        sha256 = self.model_and_hash()[1]
        if sha256 is not None and re.fullmatch("[0-9a-f]{64}", sha256) is None:
            raise ConfigError(
                f"{PREFIX}MODEL must be a folder, or a folder, '#sha256=' and 64 hexadecimal digits, got "
                f"{self.model!r}."
            )
        self._check_frames()
        self._check_numbers()
        self._check_passkeys()
        if self.sms_sender not in ("none", "console"):
            self._check_sender()
        if self.email_sender == "smtp":
            self._check_smtp()

    def _check_frames(self) -> None:
        for ancestor in self.frame_ancestors:
            if _ANCESTOR.fullmatch(ancestor) is None:
                raise ConfigError(
                    f"{PREFIX}FRAME_ANCESTORS must hold \"'self'\" or origins, such as "
                    f"'https://lms.example' without a path, got {ancestor!r}."
                )

    def _check_numbers(self) -> None:
        for entry in self.sms_prefixes:
            if _COUNTRY.fullmatch(entry) is None:
                raise ConfigError(
                    f"{PREFIX}SMS_PREFIXES must hold '+' and digits, such as '+44', or countries, such as "
                    f"'GB', got {entry!r}."
                )
        for entry in self.sms_denied:
            if entry not in NUMBER_KINDS and _COUNTRY.fullmatch(entry) is None:
                raise ConfigError(
                    f"{PREFIX}SMS_DENIED must hold kinds ({', '.join(NUMBER_KINDS)}), '+' and digits, or "
                    f"countries, such as 'JM', got {entry!r}."
                )

    def _check_sender(self) -> None:
        own = "twilio_from" if self.sms_sender == "twilio" else "twilio_verify_service"
        login = "twilio_api_secret" if self.twilio_api_key else "twilio_auth_token"
        account = () if self.sms_sender == "app" else ("twilio_account_sid", login, own)
        wanted = (*account, "sms_prefixes")
        missing = [PREFIX + name.upper() for name in wanted if not getattr(self, name)]
        if missing:
            raise ConfigError(
                f"{PREFIX}SMS_SENDER = {self.sms_sender!r} also needs {', '.join(missing)}. "
                "The prefixes keep strangers from making you pay for calls to expensive countries."
            )

    def _check_passkeys(self) -> None:
        domain = self.webauthn_rp_id
        if domain is not None and re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", domain) is None:
            raise ConfigError(
                f"{PREFIX}WEBAUTHN_RP_ID must be a domain in small letters without scheme and port, "
                f"such as 'bank.example', got {domain!r}."
            )
        if domain is not None and not self.webauthn_origins:
            raise ConfigError(
                f"{PREFIX}WEBAUTHN_RP_ID also needs {PREFIX}WEBAUTHN_ORIGINS, such as "
                f"['https://www.{domain}']: browsers let every host below the domain sign with its keys."
            )
        for origin in self.webauthn_origins:
            match = re.fullmatch(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(:[0-9]{1,5})?", origin)
            if match is None or (domain and not f".{match[1]}".endswith(f".{domain}")):
                raise ConfigError(
                    f"{PREFIX}WEBAUTHN_ORIGINS must hold origins within {PREFIX}WEBAUTHN_RP_ID, such as "
                    f"'https://www.bank.example' without a path, got {origin!r}."
                )

    def _check_smtp(self) -> None:
        missing = [PREFIX + n.upper() for n in ("smtp_host", "smtp_from") if not getattr(self, n)]
        if missing:
            raise ConfigError(f"{PREFIX}EMAIL_SENDER = 'smtp' also needs {' and '.join(missing)}.")
        if _FROM.fullmatch(self.smtp_from or "") is None:
            raise ConfigError(
                f"{PREFIX}SMTP_FROM must be one line with one address, such as "
                f"'Bank <no-reply@bank.example>', got {self.smtp_from!r}."
            )
        if (self.smtp_user is None) != (self.smtp_password is None):
            raise ConfigError(f"{PREFIX}SMTP_USER and {PREFIX}SMTP_PASSWORD go together: set both or none.")
        if self.smtp_security == "none" and self.smtp_user is not None:
            raise ConfigError(
                f"{PREFIX}SMTP_SECURITY = 'none' would send {PREFIX}SMTP_PASSWORD in the clear. "
                "Set it to 'starttls' or 'ssl'."
            )


def _unknown(key: str, known: list[str]) -> str:
    former = _FORMER.get(key.removeprefix(PREFIX))
    if former is not None:
        return f"{key} is no longer a setting. {former}"
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See the configuration page of the docs for all keys."
    return f"{key} is not a setting of Flask-ZeroTrust. {hint}"


def _checked(key: str, value: Any, hint: Any, limits: Mapping[str, Any]) -> Any:
    """Return the value in the declared type, or raise a ConfigError that names the allowed ones."""
    options = get_args(hint)
    if value is None and type(None) in options:
        return None
    if get_origin(hint) is Literal:
        if value not in options:
            raise ConfigError(f"{key} must be one of {', '.join(map(repr, options))}, got {value!r}.")
        return value
    if get_origin(hint) is tuple:
        return _words(key, value)
    if hint in (SmsLimits, EmailLimits):
        return _limits(key, value, hint)
    wanted = next(t for t in (bool, float, int, str) if t is hint or t in options)
    _check_type(key, value, wanted, secret=limits["secret"])
    _check_range(key, value, limits)
    return float(value) if wanted is float else value


def _words(key: str, value: Any) -> tuple[str, ...]:
    listed = isinstance(value, list | tuple | set | frozenset)
    if not listed or not all(isinstance(part, str) and part for part in value):
        raise ConfigError(f"{key} must be a list of strings that are not empty, got {value!r}.")
    return tuple(value)


def _limits(key: str, value: Any, kind: type[SmsLimits] | type[EmailLimits]) -> SmsLimits | EmailLimits:
    if isinstance(value, kind):
        return value
    names = [f.name for f in fields(kind)]
    if not isinstance(value, Mapping) or not set(value) <= set(names):
        raise ConfigError(f"{key} must be a dictionary with any of {', '.join(names)}, got {value!r}.")
    for name, limit in value.items():
        _check_type(f"{key}[{name!r}]", limit, int, secret=False)
        _check_range(f"{key}[{name!r}]", limit, {"low": 1, "high": _MAX_LIMIT})
    return kind(**value)


def _check_type(key: str, value: Any, wanted: type, *, secret: bool) -> None:
    fits = isinstance(value, (int, float) if wanted is float else wanted)
    if not fits or (isinstance(value, bool) and wanted is not bool):
        shown = "(hidden)" if secret else repr(value)
        raise ConfigError(f"{key} must be {wanted.__name__}, got {type(value).__name__} {shown}.")


def _check_range(key: str, value: Any, limits: Mapping[str, Any]) -> None:
    low, high = limits["low"], limits["high"]
    if low is not None and not low <= value <= high:
        raise ConfigError(f"{key} must be between {low} and {high}, got {value!r}.")
