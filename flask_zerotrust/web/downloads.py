"""Files behind a guard: a browser saves them and stays on the page it was on, so they come with a page."""

from __future__ import annotations

import re

from flask import request, url_for
from flask.wrappers import Response

from flask_zerotrust.i18n import gettext
from flask_zerotrust.web import responses
from flask_zerotrust.web.paths import front_path, own_path, path_before

# Kinds of files that browsers show in place of the open page.
_SHOWN = re.compile(
    r"text/(html|plain|xml|css|javascript)|application/(xhtml\+xml|xml|json|pdf)|(image|audio|video)/.*"
)


def follows_challenge() -> bool:
    """Return whether a browser opens a page of the site, straight from a challenge that was passed."""
    if request.method != "GET" or "/challenge/" not in request.headers.get("Referer", ""):
        return False
    challenges = url_for("zerotrust.challenge", challenge_id="")
    return (path_before() or "").startswith(challenges) and not responses.wants_json()


def with_page(response: Response) -> Response:
    """Return a page that starts the download of a file, or the response as it is if it is no file.

    Without it the browser would save the file and go on showing a challenge that is over. From this page
    it asks for the file again.
    """
    if response.status_code != 200 or not _is_file(response):
        return response
    response.close()
    url = own_path()
    text = gettext("Your download starts now. If it does not, use the button.")
    links = (gettext("Download the file"), url), (gettext("Continue"), front_path())
    page = responses.message(gettext("Thank you, that worked"), text, 200, *links)
    page.headers["Refresh"] = f"0; url={url}"
    return page


def _is_file(response: Response) -> bool:
    attached = response.headers.get("Content-Disposition", "").lower().startswith("attachment")
    return attached or _SHOWN.fullmatch(response.mimetype or "") is None
