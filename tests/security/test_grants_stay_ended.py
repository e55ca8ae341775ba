"""Row 4: a step-up or a proof that was too old once stays so, whatever the server's clock does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_zerotrust import step_up_required, testing
from tests.integration.sites import Site, Visitor


@pytest.mark.parametrize("back_s", [1, 120, 290])
def test_a_grant_that_ended_does_not_revive(site: Site, ada: Visitor, back_s: float) -> None:
    ada.step_up("/admin")
    site.clock.tick(301)
    assert ada.asked("/admin")
    site.clock.tick(-back_s)
    assert ada.asked("/admin")


@pytest.mark.parametrize("back_s", [1, 120, 290])
def test_a_proof_that_ended_does_not_revive(make_site: Callable[..., Site], back_s: float) -> None:
    site = make_site(ZEROTRUST_NEW_BROWSER="challenge")
    ada = site.visitor().login()
    testing.remember(ada.client)
    assert not ada.asked()
    site.clock.tick(301)
    assert ada.asked()
    site.clock.tick(-back_s)
    assert ada.asked()


def test_a_grant_of_the_future_never_counts_again(site: Site, ada: Visitor) -> None:
    """The clock was ahead when it was given: nobody can say how long it has counted."""
    ada.step_up("/admin")
    site.clock.tick(-600)
    assert ada.asked("/admin")
    site.clock.tick(600)
    assert ada.asked("/admin")


def test_a_step_up_after_the_clock_was_set_back_counts_for_its_time(site: Site, ada: Visitor) -> None:
    ada.step_up("/admin")
    site.clock.tick(301)
    assert ada.asked("/admin")
    site.clock.tick(-3_600)
    ada.step_up("/admin")
    site.clock.tick(300)
    assert not ada.asked("/admin")


def test_a_view_that_wants_a_younger_code_ends_no_grant_elsewhere(site: Site) -> None:
    site.app.add_url_rule("/pay", "pay", step_up_required(max_age_s=60)(lambda: "paid"))
    ada = site.visitor().login().step_up("/admin")
    site.clock.tick(61)
    assert ada.asked("/pay")
    assert not ada.asked("/admin")
    site.clock.tick(-30)
    assert ada.asked("/pay")
    assert not ada.asked("/admin")
