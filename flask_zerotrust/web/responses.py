"""Responses that views and decorators share: pages, problem JSON, and the headers on both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flask import abort, current_app, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from markupsafe import Markup

from flask_zerotrust.challenge import MESSAGES
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.i18n import gettext
from flask_zerotrust.risk.level import Terms
from flask_zerotrust.web import nonces
from flask_zerotrust.web.paths import front_path, own_path, path_before

TEMPLATES = Path(__file__).parents[1] / "templates"

# Nothing in our pages is inline or comes from elsewhere. Forms are left out, because browsers apply
# form-action to redirects as well: a challenge leads back to a page that may lead to another site.
STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'"
)
# In templates of the app, which may hold scripts and styles of any kind.
OPEN_POLICY = "object-src 'none'; base-uri 'self'"
_NOBODY = "'none'"
# Browsers' names for the place of a document that is shown inside of another one.
_FRAMES = frozenset(("iframe", "frame", "embed", "object", "fencedframe"))
# Sent by Unpoly and Turbo, which put what they get into the page that is open.
_LIBRARIES = ("X-Up-Version", "X-Turbo-Request-Id", "Turbo-Frame")
# Where pages leave the policy that is sent unless the app has set one of its own.
_POLICY = "flask_zerotrust.content_security_policy"
# Set for an answer that any page may show in a frame.
_FRAMED = "flask_zerotrust.framed"
# Set for the answer of a view that was guarded.
_GUARDED = "flask_zerotrust.guarded"

# RFC 9457, section 4.2.1: without a type of its own a problem is about:blank, titled by its status.
PROBLEM_TYPE = "application/problem+json"


def wants_json() -> bool:
    """Say whether the client is a program, which a page would be no use to.

    The Accept header decides: who names HTML gets a page, by whatever means it is fetched. A client that
    names neither HTML nor JSON is a program, unless it is a navigation or says nothing at all.
    """
    if is_htmx() or prefers_json() or request.is_json:
        return True
    if _from_library():
        return False
    if request.headers.get("X-Requested-With", "").lower() == "xmlhttprequest":
        return True
    return not (_names_html() or _is_navigation())


def _names_html() -> bool:
    """Return whether the Accept header holds HTML itself, not only a wildcard. Navigations always do."""
    html = ("text/html", "application/xhtml+xml")
    return any(kind in html and quality > 0 for kind, quality in request.accept_mimetypes)


def _is_navigation() -> bool:
    """Return whether a browser says that it opens a page, or the client says nothing at all."""
    mode = request.headers.get("Sec-Fetch-Mode")
    return mode == "navigate" or (mode is None and "Accept" not in request.headers)


def _from_library() -> bool:
    """Return whether Unpoly or Turbo asks. Unpoly names no HTML."""
    return any(name in request.headers for name in _LIBRARIES)


def is_turbo_frame() -> bool:
    """Return whether Turbo asks for a part of a page."""
    return "Turbo-Frame" in request.headers


def prefers_json() -> bool:
    """Say whether the client says that it would rather have JSON than a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json", PROBLEM_TYPE])
    return best in ("application/json", PROBLEM_TYPE)


def is_htmx() -> bool:
    """Say whether htmx asks: it follows redirects unseen, and puts what it gets into the page."""
    return "HX-Request" in request.headers


def same_origin() -> bool | None:
    """Say whether this request comes from a page of this site. None where nothing tells."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    here = f"{request.scheme}://{request.host}"
    origin, referrer = request.headers.get("Origin"), request.headers.get("Referer")
    if origin is not None:
        return origin == here
    return None if referrer is None else (referrer + "/").startswith(here + "/")


def same_site() -> bool | None:
    """Say whether browsers send this request all cookies of this site. None where nothing tells."""
    site = request.headers.get("Sec-Fetch-Site")
    return same_origin() if site is None else site != "cross-site"


def _ancestors() -> tuple[str, ...]:
    """Return who may show pages of the extension in a frame, as the site has set it."""
    named: tuple[str, ...] = current_app.extensions["zerotrust"].settings.frame_ancestors
    return named


def _opens_elsewhere() -> bool:
    """Return whether the answer would be shown inside of another page, where no page of ours may be.

    A form that was posted there is answered there, because its address opens no page.
    """
    if request.headers.get("Sec-Fetch-Dest") in _FRAMES:
        return not _ancestors()
    return request.method == "GET" and _from_library()


def _elsewhere(status: int, onward: str | None) -> Response:
    """Return a page that leads to a window of its own. It holds nothing else, so any page may show it."""
    framed = request.headers.get("Sec-Fetch-Dest") in _FRAMES
    url = own_path() if request.method == "GET" else path_before() or front_path()
    html = render_template("zerotrust/elsewhere.html", url=url, framed=framed, onward=onward)
    if framed:
        request.environ[_FRAMED] = True
    request.environ[_POLICY] = f"{_policy('elsewhere')}; frame-ancestors {'*' if framed else _NOBODY}"
    return private(make_response(html, status))


def private(response: Response) -> Response:
    """Keep caches, frames, other windows and referrers away from a page of the extension."""
    headers = response.headers
    headers["Cache-Control"] = "no-store"
    # The header has no word for a list of sites, which the policy names.
    if not _ancestors() and _FRAMED not in request.environ:
        headers["X-Frame-Options"] = "DENY"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # "no-referrer" would turn the Origin header of forms into "null", which apps and proxies refuse.
    headers.setdefault("Referrer-Policy", "same-origin")
    if headers.get("Vary") is None:  # spares taking the header apart
        headers["Vary"] = "Cookie"
    else:
        response.vary.add("Cookie")
    return response


def page(
    template: str,
    status: int = 200,
    *,
    shows_secret: bool = False,
    onward: str | None = None,
    **context: Any,
) -> Response:
    """Render a page of the extension.

    A page that shows a secret tells not even this site where the browser comes from, and its forms lead to
    this site only. In a frame of a page that the site has not named, and as an answer to Unpoly or Turbo,
    there is a page instead that opens this one in a window of its own. There a frame goes on to ``onward``.
    """
    if _opens_elsewhere():
        return _elsewhere(status, onward)
    response = private(make_response(render_template(f"zerotrust/{template}.html", **context), status))
    policy = f"{_policy(template)}; frame-ancestors {' '.join(_ancestors()) or _NOBODY}"
    if shows_secret:
        response.headers["Referrer-Policy"] = "no-referrer"
        policy += "; form-action 'self'"
    request.environ[_POLICY] = policy
    return response


def _policy(template: str) -> str:
    return STRICT_POLICY if _is_ours(template) else OPEN_POLICY


def _is_ours(template: str) -> bool:
    """Return whether a page is made of the extension's own templates alone."""
    names = (template, "base", "parts")
    files = (current_app.jinja_env.get_template(f"zerotrust/{name}.html").filename for name in names)
    return all(file is not None and Path(file).is_relative_to(TEMPLATES) for file in files)


def note_guarded() -> None:
    """Note that the view of this request was guarded, so that nobody keeps its answer."""
    request.environ[_GUARDED] = True


def protect(response: Response) -> Response:
    """Add the headers that the app has not set itself, and the nonce of its policy to scripts.

    Call it after all functions of the app.
    """
    if _POLICY in request.environ:
        response.headers.setdefault("Content-Security-Policy", request.environ[_POLICY])
    nonces.fill(response)
    if _GUARDED in request.environ:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def inside(template: str, **context: Any) -> str:
    """Render the main part of a page of the extension, for script that shows it in a dialog."""
    return render_template(f"zerotrust/{template}.html", frame="zerotrust/dialog.html", **context)


def data(**members: Any) -> Response:
    """Return JSON that nobody keeps, and no other origin is handed."""
    return _ours(private(jsonify(**members)))


def _ours(response: Response) -> Response:
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def go(url: str) -> Response:
    """Send a browser on with a GET, whatever it came with."""
    return private(cast(Response, redirect(url, 303)))


def message(title: str, text: str, status: int, *links: tuple[str, str]) -> Response:
    """Render a page that only says something. Links are (label, URL)."""
    return page("message", status, title=title, text=text, links=list(links))


def _fragment(text: str, status: int, *, goes_to: str | None = None) -> Response:
    """Say it in a piece of HTML that htmx can put into a page, or let htmx open another page instead."""
    response = make_response(Markup('<p role="alert">{}</p>').format(text), status)
    if goes_to is not None:
        response.headers["HX-Redirect"] = goes_to
    return private(response)


def problem(status: int, title: str, detail: str, **members: Any) -> Response:
    """Return problem JSON (RFC 9457)."""
    response = jsonify(type="about:blank", title=title, status=status, detail=detail, **members)
    response.status_code = status
    response.content_type = PROBLEM_TYPE
    return _ours(private(response))


def unauthorized() -> ResponseReturnValue:
    """Answer a visitor who is not logged in as the app itself would."""
    manager = getattr(current_app, "login_manager", None)
    if manager is not None and (manager.unauthorized_callback or is_htmx() or not wants_json()):
        # Flask-Login comes without types.
        answer: ResponseReturnValue = manager.unauthorized()
        return _to_the_page(answer) if is_htmx() else answer
    if not wants_json():
        abort(401)
    return problem(401, "Not logged in", "Log in first.")


def _to_the_page(answer: ResponseReturnValue) -> Response:
    """Let htmx open the page that an answer redirects to, rather than put it into the one that is open."""
    response = make_response(answer)
    if response.location is None:
        return response
    sent = problem(401, "Not logged in", "Log in first.")
    sent.headers["HX-Redirect"] = response.location
    return sent


def insufficient(challenge_url: str, terms: Terms, factors: list[str]) -> Response:
    """Ask a program for a step-up, in the shape of RFC 9470 (adapted to cookie sessions)."""
    text = "A recent step-up is required for this request."
    factors = list(dict.fromkeys(factors))
    response = problem(
        401,
        "Step-up required",
        text,
        error="insufficient_user_authentication",
        challenge_url=challenge_url,
        factors=factors,
        max_age=int(terms.grant_s),
    )
    response.headers["WWW-Authenticate"] = (
        f'Bearer error="insufficient_user_authentication", error_description="{text}", '
        f'acr_values="{" ".join(factors)}", max_age="{int(terms.grant_s)}"'
    )
    if is_htmx():
        response.headers["HX-Redirect"] = challenge_url
    return response


def no_factor(
    action: str, *, may_enrol: bool, choice: bool = False, hints: Sequence[str] = (), support: str = ""
) -> Response:
    """Tell a user without a factor how to get one.

    Parameters
    ----------
    action : str
        Action that the user is about to take.
    may_enrol : bool
        Whether the user may add a first factor here.
    choice : bool
        Whether more than an authenticator app can be added.
    hints : sequence of str
        Ways to give users a factor, for the developer.
    support : str
        How users reach the site's support, if it has said so.
    """
    enrol_url = url_for("zerotrust.factors" if choice else "zerotrust.enrol") if may_enrol else None
    if is_htmx():
        text = MESSAGES["no_factor"]
        return _fragment(gettext(text), 403, goes_to=enrol_url)
    if wants_json():
        return problem(
            403,
            "No factor to step up with",
            "Enrol a factor first." if may_enrol else "Ask the site to add a factor to your account.",
            enrol_url=enrol_url,
            **({"developer": list(hints)} if hints else {}),
        )
    context: dict[str, Any] = {
        "enrol_url": enrol_url,
        "choice": choice,
        "support": support,
        "return_url": request.script_root + "/",
    }
    return page("no_factor", 403, action=action, developer=list(hints), **context)


def log_in_again(action: str) -> ResponseReturnValue:
    """Ask for the password of a person whose login is too old. The app may have a page for that."""
    manager: Any = getattr(current_app, "login_manager", None)
    if manager is not None and _asks_again(manager):
        # Flask-Login comes without types.
        answer: ResponseReturnValue = manager.needs_refresh()
        return _to_the_page(answer) if is_htmx() else answer
    if wants_json():
        return problem(403, "Log in again", "This takes a login of the last minutes.")
    title = gettext("Please log in again")
    text = gettext(
        "Before you %(action)s, log out and in again: your last login was a while ago.", action=action
    )
    return message(title, text, 403, (gettext("Back"), request.script_root + "/"))


def _asks_again(manager: Any) -> bool:
    """Return whether the app has a way of its own to ask for the password again."""
    return bool(
        manager.needs_refresh_callback or (manager.refresh_view and (is_htmx() or not wants_json()))
    )


def unavailable() -> Response:
    """Say that the step-up cannot be judged right now. Protected views never open by accident."""
    text = gettext(
        "We can't check right now that it's you. Nothing was done. Please try again in a minute."
    )
    if wants_json():
        response = _fragment(text, 503) if is_htmx() else problem(503, "Step-up unavailable", text)
    else:
        # The page itself. A form that was posted comes back by the browser's own button, values and all.
        links = [(gettext("Try again"), "")] if request.method == "GET" else []
        response = message(gettext("Please try again shortly"), text, 503, *links)
    response.headers["Retry-After"] = "60"
    return response


def too_many(error: ChallengeError) -> Response:
    """Ask a client that opens challenges in bulk to wait."""
    text = gettext(MESSAGES[error.reason])
    if is_htmx():
        response = _fragment(text, 429)
    elif wants_json():
        response = problem(429, "Too many requests", text)
    else:
        response = message(gettext("Please try again shortly"), text, 429)
    response.headers["Retry-After"] = str(round(error.retry_after_s or 0.0))
    return response
