"""A small app to try a deployment with. Put your own in its place: this one asks nobody for a password."""

from __future__ import annotations

from flask import Flask, current_app, redirect, render_template_string, request, session
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_zerotrust import Factor, ZeroTrust, step_up_required

PAGE = """<!doctype html><html lang="en"><title>Try it</title>{{ zerotrust_script() }}
{% if name %}<p>Hello {{ name }}. Your risk is {{ current_risk.level }}.</p>
<p><a href="/vault">Open the vault</a>, <a href="{{ url_for('zerotrust.factors') }}">your factors</a>.</p>
{% else %}<form method="post" action="/login"><label>Name <input name="name" required></label>
<button>Sign in</button></form>{% endif %}"""

zt = ZeroTrust()


@zt.user_id_loader
def user() -> str | None:
    return session.get("user")


@zt.factors_loader
def factors(user: str) -> list[Factor]:
    """Return the factors that this app vouches for: whoever logs in first must not choose them."""
    address = current_app.config["ADDRESSES"].get(user)
    return [zt.email_factor(address)] if address else []


def create_app() -> Flask:
    """Return the app, set up by the environment: FLASK_SECRET_KEY, FLASK_ZEROTRUST_STORE and so on.

    FLASK_ADDRESSES names the verified address of each user: '{"ada": "ada@bank.example"}'. Mail to them
    needs FLASK_ZEROTRUST_EMAIL_SENDER and the keys of your mail server.
    """
    app = Flask(__name__)
    app.config.update(
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="Lax",
        ADDRESSES={},
    )
    app.config.from_prefixed_env()
    # One proxy in front: nginx, which replaces these headers whatever the client sent.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    zt.init_app(app)
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/login", view_func=login, methods=["POST"])
    app.add_url_rule("/vault", view_func=vault)
    app.add_url_rule("/health", view_func=health)
    return app


def home() -> str:
    return render_template_string(PAGE, name=user())


def login() -> ResponseReturnValue:
    session.clear()
    session["user"] = request.form["name"]
    return redirect("/")


@step_up_required(action="open the vault")
def vault() -> str:
    return "Open."


def health() -> str:
    """Say that this process serves; not whether the store does, or its failure would stop every page."""
    return "ok"
