"""Paths of this site, safe to be put into links and redirects."""

from __future__ import annotations

from urllib.parse import quote

from flask import request, url_for
from flask.globals import request_ctx
from werkzeug.wsgi import get_path_info

# Characters that a path and a query may hold unquoted (RFC 3986, sections 3.3 and 3.4). A query keeps
# its escapes.
_PATH_SAFE = "/:@!$&'()*+,;="
_QUERY_SAFE = _PATH_SAFE + "?%"


def own_path() -> str:
    """Return the path and the query of this request."""
    path = host_part() + _local(quote(mount_path() + app_path(), safe=_PATH_SAFE))
    query = quote(request.query_string, safe=_QUERY_SAFE)
    return f"{path}?{query}" if query else path


def app_path() -> str:
    """Return the path of this request below the app, whatever the app's own request class makes of it."""
    return "/" + get_path_info(request.environ).lstrip("/")


def mount_path() -> str:
    """Return the path that the app is mounted at, without a slash at its end."""
    name: str = request.environ.get("SCRIPT_NAME") or ""
    return name.encode("latin-1").decode(errors="replace").rstrip("/")


def host_part() -> str:
    """Return the prefix of a path, for the extension's pages: this host, if theirs is another.

    So it is in a blueprint with a subdomain. What stands before ``SERVER_NAME`` has been matched then.
    """
    adapter = request_ctx.url_adapter
    if adapter is None or url_for("zerotrust.events").startswith("/"):
        return ""
    return f"{request.scheme}://{adapter.get_host(None)}"


def path_before() -> str | None:
    """Return the page of this site that the request came from, if it says so."""
    here = f"{request.scheme}://{request.host}/"
    referrer = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    referrer = referrer.partition("#")[0]
    return _local(quote(referrer[len(here) :], safe=_QUERY_SAFE)) if referrer.startswith(here) else None


def _local(path: str) -> str:
    """Return a quoted path with one slash in front: two would name another host."""
    return "/" + path.lstrip("/")


def front_path() -> str:
    """Return the path of the site's front page."""
    return _local(mount_path() + "/")
