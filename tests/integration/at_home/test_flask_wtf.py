"""docs/integrations/flask-wtf.md, with the real Flask-WTF; more of it in ../test_flask_wtf.py."""

from __future__ import annotations

import pytest

from flask_zerotrust import testing
from tests.forms import form_to, form_with

from .conftest import Visit

OWN = {"Sec-Fetch-Site": "same-origin"}
FIELDS = {"to": "Grace", "amount": "5"}


def test_a_form_goes_through_a_step_up_and_still_validates(visit: Visit) -> None:
    client = visit("flask-wtf")
    form = form_with(client.get("/transfer").text, "amount")
    asked = client.post("/transfer", data={**form.fields, **FIELDS}, headers=OWN)
    confirm = client.get(testing.pass_challenge(client, asked).location)
    again = form_to(confirm.text, "/transfer")
    assert again.fields == {**form.fields, **FIELDS}
    assert client.post(again.action, data=again.fields, headers=OWN).text == "Sent 5"


def test_a_post_without_the_apps_token_opens_no_challenge(visit: Visit) -> None:
    assert visit("flask-wtf").post("/transfer", data=FIELDS, headers=OWN).status_code == 400


@pytest.mark.parametrize("level", ["low", "high"])
def test_the_token_is_wanted_whatever_the_risk(visit: Visit, level: str) -> None:
    client = visit("flask-wtf")
    testing.force_risk(client, level)  # type: ignore[arg-type]
    assert client.post("/transfer", data=FIELDS, headers=OWN).status_code == 400


def test_the_form_never_sees_the_movement_that_rides_in_it(visit: Visit) -> None:
    client = visit("flask-wtf")
    testing.trust(client)
    form = form_with(client.get("/transfer").text, "amount")
    fields = {**form.fields, **FIELDS, "zerotrust_batch": "{}"}
    assert client.post("/transfer", data=fields, headers=OWN).text == "Sent 5"
