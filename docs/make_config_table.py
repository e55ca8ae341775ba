"""Writes the table of settings in configuration.md from the Settings class.

usage: python docs/make_config_table.py
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from flask_zerotrust.config import PREFIX, Settings

PAGE = Path(__file__).parent / "configuration.md"

#: Settings by feature, in the order of the page.
GROUPS = {
    "General": "mode url_prefix store session_s audit_log logout_url frame_ancestors support",
    "Step-ups and known browsers": "grant_s new_browser browser_days keyless_s never_park",
    "Movement": "model max_risk half_life_s replay_memory replay_days expose_risk",
    "Factors": "enrol tell_owner issuer passkeys webauthn_rp_id webauthn_origins",
    "Text messages": "sms_sender sms_prefixes sms_denied sms_limits twilio_account_sid twilio_auth_token "
    "twilio_api_key twilio_api_secret twilio_region twilio_edge twilio_from twilio_verify_service",
    "Mail": "email_sender email_limits smtp_host smtp_port smtp_security smtp_user smtp_password smtp_from",
    "Recordings and profiles": "record_dir record_max_bytes record_keep_s identity profile_days",
}
UNITS = {"s": "seconds", "days": "days", "bytes": "bytes"}
START, END = "<!-- table: start -->", "<!-- table: end -->"


def table() -> str:
    """Return a table for each feature, with one row for every setting.

    Raises
    ------
    KeyError
        If a setting is in no group, or in two.
    """
    left = {f.name: f for f in dataclasses.fields(Settings)}
    rows: list[str] = []
    for title, names in GROUPS.items():
        rows += [f"## {title}", "", "| key | default | unit and range | meaning |", "|---|---|---|---|"]
        rows += [_row(left.pop(name)) for name in names.split()] + [""]
    if left:
        raise KeyError(f"in no group: {', '.join(left)}")
    return "\n".join(rows).rstrip()


def _row(f: dataclasses.Field[Any]) -> str:
    unit = UNITS.get(f.name.rpartition("_")[2], "")
    limits = ", ".join(part for part in (unit, _range(f)) if part)
    cells = (f"`{PREFIX}{f.name.upper()}`", f"`{_short(f.default)}`", limits, f.metadata["doc"])
    return "| " + " | ".join(cells) + " |"


def _short(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:_.10g}"
    if isinstance(value, tuple) and len(value) > 5:
        return f"[{', '.join(map(repr, value[:5]))}, and {len(value) - 5} more]"
    if dataclasses.is_dataclass(value):
        entries = dataclasses.fields(value)
        return "{" + ", ".join(f"{f.name!r}: {_short(f.default)}" for f in entries) + "}"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def _range(f: dataclasses.Field[Any]) -> str:
    low, high = f.metadata["low"], f.metadata["high"]
    return "" if low is None else f"{low:_} to {high:_}"


def page(text: str) -> str:
    """Return the text of the page with a fresh table between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
