"""Translations by Flask-Babel, where an app uses it: the catalogues that ship, the app's own over them."""

from __future__ import annotations

import importlib.util
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import current_app, has_app_context

from flask_zerotrust import i18n

if TYPE_CHECKING:
    from babel.support import NullTranslations, Translations
    from flask_babel import Domain

#: The domain of the texts. An app's own ``flask_zerotrust.po`` in its translation folders goes first.
DOMAIN = "flask_zerotrust"
FOLDER = Path(__file__).parents[1] / "translations"

_KEPT = "zerotrust_texts"


def connect() -> None:
    """Translate texts from now on, where Flask-Babel is installed."""
    if importlib.util.find_spec("flask_babel") is not None:
        i18n.use(_ByFlaskBabel())


class _ByFlaskBabel:
    """Asks Flask-Babel which language a request is in. Apps without it stay in English."""

    def gettext(self, text: str) -> str:
        domain = _domain()
        return text if domain is None else str(domain.get_translations().ugettext(text))

    def ngettext(self, one: str, many: str, n: int) -> str:
        domain = _domain()
        if domain is None:
            return one if n == 1 else many
        return str(domain.get_translations().ungettext(one, many, n))

    def format_date(self, when: datetime) -> str:
        language = self.language()
        if language == i18n.SOURCE:
            return i18n.english_date(when)
        from babel.dates import format_date  # noqa: PLC0415 - adapter of an optional package

        return str(format_date(when.date(), "long", locale=language.replace("-", "_")))

    def language(self) -> str:
        if _domain() is None:
            return i18n.SOURCE
        # Of the catalogue, not of the request: texts without a translation are English.
        return next(filter(None, map(_language, reversed(_folders()))), i18n.SOURCE)

    def direction(self) -> str:
        language = self.language()
        if language == i18n.SOURCE:
            return "ltr"
        from babel import Locale  # noqa: PLC0415 - adapter of an optional package

        return Locale.parse(language, sep="-").text_direction


def _domain() -> Domain | None:
    """Return the texts of the current app, None where it does not use Flask-Babel."""
    if not has_app_context() or "babel" not in current_app.extensions:
        return None
    from flask_babel import Domain  # noqa: PLC0415 - adapter of an optional package

    if _KEPT not in current_app.extensions:
        current_app.extensions[_KEPT] = Domain(_folders(), DOMAIN)
    result: Domain = current_app.extensions[_KEPT]
    return result


def _folders() -> list[str]:
    """Return where catalogues lie, the app's own last: a later one replaces texts of an earlier one."""
    from flask_babel import get_babel  # noqa: PLC0415 - adapter of an optional package

    return [str(FOLDER), *get_babel().translation_directories]


def _language(folder: str) -> str | None:
    """Return the language of a folder's catalogue for this request, None where it has none."""
    from flask_babel import get_locale  # noqa: PLC0415 - adapter of an optional package

    return _language_of(folder, str(get_locale()))


@lru_cache(maxsize=256)
def _language_of(folder: str, locale: str) -> str | None:
    """Read a catalogue's language once: that takes as long as all else on a page."""
    from babel.support import Translations  # noqa: PLC0415 - adapter of an optional package

    result: Translations | NullTranslations = Translations.load(folder, [locale], DOMAIN)
    tag = result.info().get("language")
    return tag.replace("_", "-") if tag else None
