"""Rows 21, 26 and 30: what one client sends in bulk is bounded, and costs the others nothing."""

from __future__ import annotations

from collections.abc import Callable

from flask_zerotrust.stores import MemoryStore
from tests.integration.sites import Site, use_store


class WritingStore(MemoryStore):
    """Notes which keys are written."""

    def __init__(self, **keywords: object) -> None:
        super().__init__(**keywords)  # type: ignore[arg-type]
        self.written: list[str] = []

    def swap(self, key: str, **keywords: object) -> bool:  # type: ignore[override]
        self.written.append(key.partition(":")[0])
        return super().swap(key, **keywords)  # type: ignore[arg-type]


def test_a_latch_is_one_write_whatever_the_number_of_sessions(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_NEW_BROWSER="movement")
    store = WritingStore(clock=site.clock)
    use_store(site.app, store)
    others = [site.visitor().login().move(3) for _ in range(12)]
    caught = site.visitor().login()
    site.scorer.says = 4.0
    body = caught.body(6)
    store.written.clear()
    assert caught.send(body).status_code == 204
    assert store.written.count("session") == 1
    assert store.written.count("ledger") == 1
    assert all(other.asked() for other in others)
