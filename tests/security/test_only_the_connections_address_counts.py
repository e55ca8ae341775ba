"""Row 23: a client cannot choose the address that its tries are counted under."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.sites import Site, Visitor


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_header_does_not_change_the_address(
    site: Site, ada: Visitor, header: str, monkeypatch: Any
) -> None:
    challenges = site.app.extensions["zerotrust"].challenges
    seen: list[str] = []
    note = challenges.attempts._note
    monkeypatch.setattr(challenges.attempts, "_note", lambda *of: (seen.append(of[-1]), note(*of)))
    url = ada.open("/admin").location
    values = {"Forwarded": "for=203.0.113.9"}
    form = ada.open(url)
    assert form.status_code == 200
    ada.client.environ_base[f"HTTP_{header.upper().replace('-', '_')}"] = values.get(header, "203.0.113.9")
    ada.answer(url, "000000")
    assert seen == ["127.0.0.1"]
