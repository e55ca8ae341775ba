"""docs/integrations/flask-limiter.md, with the real Flask-Limiter."""

from __future__ import annotations

from flask_zerotrust import testing

from .conftest import Visit


def test_the_collector_is_beyond_the_default_limits(visit: Visit) -> None:
    client = visit("flask-limiter")
    client.get("/")
    path = "/zerotrust/token?page=" + "x" * 22
    codes = {client.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code for _ in range(30)}
    assert codes == {200}


def test_the_apps_own_pages_are_not(visit: Visit) -> None:
    client = visit("flask-limiter")
    assert [client.get("/").status_code for _ in range(21)][-2:] == [200, 429]


def test_a_limit_above_the_guard_counts_those_that_are_asked_for_a_code(visit: Visit) -> None:
    client = visit("flask-limiter")
    assert [client.post("/transfer").status_code for _ in range(6)] == [303] * 5 + [429]


def test_a_step_up_is_not_in_the_way_of_the_limits(visit: Visit) -> None:
    client = visit("flask-limiter")
    asked = client.post("/transfer")
    assert testing.pass_challenge(client, asked).status_code == 303
    assert client.post("/transfer").text == "sent"
