"""docs/integrations/flask-admin.md, with the real Flask-Admin."""

from __future__ import annotations

from flask_zerotrust import testing
from tests.forms import form_to

from .conftest import Visit

PAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
NEW = "/admin/payee/new/"


def test_a_view_that_is_not_ones_own_is_guarded(visit: Visit) -> None:
    client = visit("flask-admin")
    asked = client.post(NEW, data={"name": "Grace"}, headers=PAGE)
    assert "/challenge/" in asked.location
    confirm = client.get(testing.pass_challenge(client, asked).location)
    again = form_to(confirm.text, NEW)
    client.post(again.action, data=again.fields, headers=PAGE)
    assert "Grace" in client.get("/admin/payee/").text


def test_methods_that_are_not_named_are_open(visit: Visit) -> None:
    assert visit("flask-admin").get(NEW).status_code == 200


def test_a_visitor_is_refused(visit: Visit) -> None:
    client = visit("flask-admin", user=None)
    assert client.post(NEW, data={"name": "Grace"}, headers=PAGE).status_code == 401
