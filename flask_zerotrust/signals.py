"""Signals of events, for audit logs and alarms. The sender is the Flask app.

None of them carries a code, a secret, a phone number or raw movement.
"""

from __future__ import annotations

from blinker import NamedSignal, Namespace

__all__ = [
    "account_unlocked",
    "browser_forgotten",
    "browser_proven",
    "browser_remembered",
    "challenge_failed",
    "challenge_opened",
    "challenge_passed",
    "code_refused",
    "code_sent",
    "decision_made",
    "enrolment_failed",
    "factor_enrolled",
    "factor_removed",
    "factor_renamed",
    "factors_reset",
    "grant_revoked",
    "owner_told",
    "proof_refused",
    "request_refused",
    "risk_assessed",
    "session_ended",
    "session_latched",
]

_signals = Namespace()

#: A batch was scored. ``user``, ``level``, ``risk``, ``strokes`` (how many), ``reasons``.
risk_assessed = _signals.signal("risk-assessed")

#: A guarded view decided. ``user``, ``endpoint``, ``allowed``, ``reason``, ``level``, ``risk``, ``mode``.
decision_made = _signals.signal("decision-made")

#: A person was asked for a factor. ``user``, ``action``, ``challenge_id``.
challenge_opened = _signals.signal("challenge-opened")

#: A message with a code went out. ``user``, ``factor_id``, ``kind``.
code_sent = _signals.signal("code-sent")

#: A message could not go out. ``user``, ``factor_id``, ``kind``, ``reason`` ("budget", "sender", ...).
code_refused = _signals.signal("code-refused")

#: An answer was wrong, late or tried too often. ``user``, ``factor_id``, ``reason``. Without a factor
#: (None) and with the reason "not_yours" where somebody opened another person's challenge.
challenge_failed = _signals.signal("challenge-failed")

#: A person passed. ``user``, ``factor_id``, ``action``.
challenge_passed = _signals.signal("challenge-passed")

#: A guarded view was not run, and no challenge helps. ``user`` (or None), ``endpoint``, ``reason``:
#: "no_login", "no_factor" or "store".
request_refused = _signals.signal("request-refused")

#: From now on this session has to pass a factor. ``user``, ``level``, ``reasons``.
session_latched = _signals.signal("session-latched")

#: A code did not fit while a factor was being added. ``user``, ``kind``, ``reason``.
enrolment_failed = _signals.signal("enrolment-failed")

#: A grant was ended early. ``user``, ``session`` (short id), ``reason`` ("operator", "password_changed",
#: "factors_reset", "different_person" or "replayed_movement"), ``latch_lifted``.
grant_revoked = _signals.signal("grant-revoked")

#: A session was ended before its time. ``user``, ``session`` (short id, or None: all of the user's, or all
#: others), ``reason`` ("user", "operator" or "app").
session_ended = _signals.signal("session-ended")

#: A browser was remembered with a passed factor. ``user``, ``browser`` (its id), ``name``.
browser_remembered = _signals.signal("browser-remembered")

#: A browser proved by its key which browser it is. ``user``, ``browser``.
browser_proven = _signals.signal("browser-proven")

#: A proof was malformed, late, used before or of a browser that is not known. ``user``, ``reason``.
proof_refused = _signals.signal("proof-refused")

#: A browser was forgotten. ``user``, ``browser``, ``name``.
browser_forgotten = _signals.signal("browser-forgotten")

#: A factor was added through the extension. ``user``, ``factor_id``, ``kind``. Tell the owner.
factor_enrolled = _signals.signal("factor-enrolled")

#: The owner was told. ``user``, ``notice`` (the event of ``@zt.notify``), ``ways``: how many ways took the
#: message, 0 if there was none.
owner_told = _signals.signal("owner-told")

#: A factor was removed. ``user``, ``factor_id``, ``kind``, ``reason`` ("user", "operator" or "app").
factor_removed = _signals.signal("factor-removed")

#: All factors of a user were removed, and that there were any is forgotten. ``user``, ``reason``
#: ("operator" or "app"). For each of them :data:`factor_removed` is sent, too.
factors_reset = _signals.signal("factors-reset")

#: An account that was locked or paused after wrong codes takes codes again. ``user``, ``reason``
#: ("operator" or "app").
account_unlocked = _signals.signal("account-unlocked")

#: A factor was given another name by its user. ``user``, ``factor_id``, ``kind``.
factor_renamed = _signals.signal("factor-renamed")


def every() -> list[NamedSignal]:
    """Return all signals above."""
    return [signal for signal in _signals.values() if isinstance(signal, NamedSignal)]
