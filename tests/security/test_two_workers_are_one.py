"""Several workers over one file, or one Redis: whichever is asked, the answer is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.integration.sites import FixedScorer, Site, Visitor, build_app
from tests.servers import emptied

pytestmark = pytest.mark.every_store


@pytest.fixture(params=["sqlite", "redis"])
def workers(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[tuple[Site, Site]]:
    scorer, url = FixedScorer(), f"sqlite:///{tmp_path / 'shared.sqlite'}"
    if request.param == "redis":
        url = emptied(request.getfixturevalue("a_redis"))
    pair = tuple(build_app(clock, scorer, ZEROTRUST_STORE=url) for _ in range(2))
    stores = [site.app.extensions["zerotrust"].store for site in pair]
    assert stores[0] is not stores[1]
    assert not any(isinstance(store, MemoryStore) for store in stores)
    yield pair[0], pair[1]
    for store in stores:
        store.close()


@pytest.fixture
def pair(workers: tuple[Site, Site]) -> tuple[Visitor, Visitor]:
    """Ada, whose requests reach now one worker and now the other, with one cookie jar."""
    first = workers[0].visitor().login()
    return first, replace(first, site=workers[1], client=workers[1].app.test_client())


def cross(pair: tuple[Visitor, Visitor]) -> None:
    """Carry the cookie over to the other worker, as the browser would."""
    pair[1].put_back(pair[0].cookie())


def test_movement_seen_by_one_counts_at_the_other(pair: tuple[Visitor, Visitor]) -> None:
    first, second = pair
    first.move(4)
    cross(pair)
    assert not second.asked()
    second.seq = first.seq
    second.move(6, says=4.0)
    assert first.asked()


def test_a_batch_counts_once_over_both(pair: tuple[Visitor, Visitor]) -> None:
    first, second = pair
    body = first.body(1)
    cross(pair)
    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(lambda n: pair[n % 2].send(body).status_code, range(8)))
    assert codes == [204] + [409] * 7
    assert (
        second.site.app.extensions["zerotrust"].sessions.record(first.entry()["id"], user="ada").strokes
        == 1
    )


def test_a_challenge_of_one_is_answered_at_the_other(pair: tuple[Visitor, Visitor], clock: Clock) -> None:
    first, second = pair
    url = first.submit("/transfer", {"to": "bob"}).location
    cross(pair)
    clock.tick(30)
    assert second.answer(url).status_code == 303
    assert not second.asked("/admin")
    assert first.put_back(second.cookie()).open("/admin").text == "the admin page"


def test_one_code_opens_one_of_two_challenges(pair: tuple[Visitor, Visitor], clock: Clock) -> None:
    cross(pair)
    urls = [visitor.open("/admin").location for visitor in pair]
    clock.tick(30)
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda pair: pair[0].answer(pair[1]).status_code, zip(pair, urls, strict=True))
        )
    assert answers.count(303) == 1


def test_wrong_codes_add_up_over_both(pair: tuple[Visitor, Visitor]) -> None:
    url = pair[0].open("/admin").location
    cross(pair)
    codes = [pair[n % 2].answer(url, code="000000").status_code for n in range(5)]
    assert codes[-1] == 429
    assert pair[1].answer(url).status_code == 429


def test_what_one_retires_the_other_refuses(pair: tuple[Visitor, Visitor]) -> None:
    first, second = pair
    first.step_up("/admin")
    cross(pair)
    assert not second.asked("/admin")
    first.submit("/logout", {})
    assert second.asked("/admin")


def test_a_latch_of_one_holds_at_the_other(
    workers: tuple[Site, Site], pair: tuple[Visitor, Visitor], make_site: Callable[..., Site]
) -> None:
    pair[0].move(6, says=4.0)
    assert workers[1].visitor().login().move(8, says=-3.0).asked()
