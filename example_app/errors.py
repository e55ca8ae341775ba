"""What a customer sees where there is no page to show: what happened, and the way on."""

from __future__ import annotations

from flask import Flask, current_app, request
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.wrappers import Response

#: Headings by status; any other has its name in HTTP.
_TITLES = {
    400: "That did not work",
    403: "You cannot do that here",
    404: "There is no such page",
    405: "There is no such page",
    500: "Something went wrong",
}
#: What to do, where the one who refused has not said it.
_ADVICE = {
    403: "Nothing was done. Go back to your account and start from there.",
    404: "Check the address, or start from your account.",
    405: "Check the address, or start from your account.",
    500: "It is our fault, not yours. Please try again in a minute.",
}


def init_app(app: Flask) -> None:
    """Show errors in the bank's own dress."""
    app.register_error_handler(HTTPException, page)


def page(error: HTTPException) -> tuple[str, int] | Response | HTTPException:
    """Return a page about an error to people, and to programs what they would get without us."""
    if error.code is None or "text/html" not in request.headers.get("Accept", ""):
        return error
    title = _TITLES.get(error.code, error.name)
    # Without the context that other pages get: looking up who is logged in may be what failed.
    template = current_app.jinja_env.get_template("error.html")
    return template.render(title=title, text=_text(error)), error.code


def _text(error: HTTPException) -> str | None:
    usual = default_exceptions.get(error.code or 0)
    said = error.description if usual is None or error.description != usual.description else None
    return said or _ADVICE.get(error.code or 0, error.description)
