"""Exceptions of this package, grouped by who can fix the problem: developer, client, user or operator."""

from __future__ import annotations

__all__ = [
    "ChallengeError",
    "ConfigError",
    "PayloadError",
    "RecordingError",
    "SenderError",
    "StoreError",
    "ZeroTrustError",
]


class ZeroTrustError(Exception):
    """Root of the tree: catch this to catch everything the package raises on purpose."""


class ConfigError(ZeroTrustError):
    """The developer can fix it: a setting, a model file or the way the app is put together."""


class PayloadError(ZeroTrustError):
    """The client can fix it: the input does not follow the documented format.

    Parameters
    ----------
    field : str
        Name of the offending field, as the client spelled it.
    problem : str
        The problem and the allowed values. Never echoes a code, a secret or a whole payload.
    status : int
        HTTP status that says it best. 400 unless the body is too large (413).
    """

    def __init__(self, field: str, problem: str, *, status: int = 400) -> None:
        super().__init__(field, problem)  # both, so that joblib can hand it to another process
        self.field = field
        self.problem = problem
        self.status = status

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class ChallengeError(ZeroTrustError):
    """The person can fix it: a code that was wrong, late, used before, or tried too often.

    Parameters
    ----------
    reason : str
        One of the words in :data:`flask_zerotrust.challenge.MESSAGES`. Stable, for programs.
    retry_after_s : float or None
        Seconds until another try makes sense. None where waiting does not help.
    tries_left : int or None
        How many more codes are compared before this way or this challenge is closed, after a wrong one.

    Attributes
    ----------
    alarming : bool
        True for a wrong code in a new browser that is not the first few: the owner should be told.
    """

    def __init__(
        self, reason: str, *, retry_after_s: float | None = None, tries_left: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.tries_left = tries_left
        self.alarming = False


class StoreError(ZeroTrustError):
    """The operator can fix it: the store does not answer, or answers nonsense."""


class SenderError(ZeroTrustError):
    """The operator can fix it: the message with the code could not be handed over.

    Parameters
    ----------
    problem : str
        The provider's answer, without the number and without the code.
    blocked : bool
        True when this recipient can never be reached (blocked, not a mobile), so that another
        factor should be offered. False when trying again later may help.
    """

    def __init__(self, problem: str, *, blocked: bool = False) -> None:
        super().__init__(problem)
        self.blocked = blocked


class RecordingError(ZeroTrustError):
    """Whoever made the file can fix it: a recording that does not follow the documented format.

    Parameters
    ----------
    file : str
        The file, as it was named by the caller.
    problem : str
        The problem and the allowed values.
    line : int or None
        Counted from 1. None when the file as a whole is meant.
    """

    def __init__(self, file: str, problem: str, *, line: int | None = None) -> None:
        super().__init__(f"{file}{'' if line is None else f', line {line}'}: {problem}")
        self.file = file
        self.problem = problem
        self.line = line
