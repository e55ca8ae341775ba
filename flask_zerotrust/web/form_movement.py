"""Movement and proofs that ride in a form post: taken out before the app's view sees the form."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, cast

from flask import request
from flask.wrappers import Request
from werkzeug.formparser import FormDataParser

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage, MultiDict

#: Hidden field in which a form post brings its own movement along; one field a batch, oldest first.
BATCH_FIELD = "zerotrust_batch"

#: Hidden field in which a form post brings a proof by the browser's key.
PROOF_FIELD = "zerotrust_proof"

# The collector puts at most this much into a form, so that no form limit of the app is hit.
MAX_FIELD_BYTES = 16_384
# Fields of a form that is parsed before the app asks for it. Forms of real sites have up to 1,000.
MAX_FORM_FIELDS = 2_000
# The batch still in flight and the tail, each of which may have been cut in two.
MAX_BATCHES = 4


class StrippingRequest(Request):
    """A request whose form never shows the extension's own fields.

    Nothing is read before the app reads its form, so streamed uploads stay streams.
    """

    zerotrust_batches: tuple[str, ...] = ()
    zerotrust_proof: str = ""

    def make_form_data_parser(self) -> FormDataParser:
        """Return Werkzeug's parser, followed by taking the field out."""
        return cast(FormDataParser, _Stripper(super().make_form_data_parser(), self))


class _Stripper:
    def __init__(self, parser: FormDataParser, owner: StrippingRequest) -> None:
        self._parser = parser
        self._owner = owner

    def parse(
        self, *args: Any, **kwargs: Any
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        stream, form, files = self._parser.parse(*args, **kwargs)
        if BATCH_FIELD in form or PROOF_FIELD in form:
            self._owner.zerotrust_batches = tuple(form.getlist(BATCH_FIELD))
            self._owner.zerotrust_proof = form.get(PROOF_FIELD, "")
            ours = (BATCH_FIELD, PROOF_FIELD)
            kept = [(key, value) for key, value in form.items(multi=True) if key not in ours]
            form = self._parser.cls(kept)
        return stream, form, files


def is_readable() -> bool:
    """Return whether the form is parsed before the app asks for it: it has few fields and a fair length.

    Werkzeug takes forms of 250,000 empty fields, which take it 100 times as long as an ordinary one.
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        return True
    length, limit = request.content_length, request.max_form_memory_size
    if length is None:
        return not request.environ.get("wsgi.input_terminated")
    if limit is not None and length > limit:
        return False
    return request.get_data(parse_form_data=False).count(b"&") < MAX_FORM_FIELDS


def form_batches() -> tuple[str, ...]:
    """Return the batches that ride in this form post, oldest first; nothing where they are too many."""
    if request.method != "POST" or not is_readable():
        return ()
    request.form  # noqa: B018 - parses the form, which takes the batches out
    found: tuple[str, ...] = getattr(request, "zerotrust_batches", ())
    fits = len(found) <= MAX_BATCHES and sum(map(len, found)) <= MAX_FIELD_BYTES
    return found if fits else ()


def form_proof() -> str:
    """Return the proof by the browser's key that rides in this form post; empty without one."""
    if request.method != "POST" or not is_readable():
        return ""
    request.form  # noqa: B018 - parses the form, which takes the proof out
    return getattr(request, "zerotrust_proof", "")
