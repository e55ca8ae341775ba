"""Movement and proofs that ride in a form post, read so that the app's view finds the body whole."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from flask import request
from flask.wrappers import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage, MultiDict

#: Hidden field in which a form post brings its own movement along. One field a batch, oldest first.
BATCH_FIELD = "zerotrust_batch"

#: Hidden field in which a form post brings a proof by the browser's key.
PROOF_FIELD = "zerotrust_proof"

#: Hidden fields in which a form post names the fields that the browser masks or fills in as secrets.
MASKED_FIELD = "zerotrust_masked"

#: Hidden field in which a form post names the button that sent it.
PRESSED_FIELD = "zerotrust_pressed"

_OWN_FIELDS = (BATCH_FIELD, PROOF_FIELD, MASKED_FIELD, PRESSED_FIELD)

# The collector puts at most this much into a form, so that no form limit of the app is hit.
MAX_FIELD_BYTES = 16_384
#: Bytes of a body that are looked at ahead of the view. The collector puts its fields first.
MAX_AHEAD_BYTES = 65_536
# Fields of a form that is parsed before the app asks for it. Forms of real sites have up to 1,000.
MAX_FORM_FIELDS = 2_000
# The batch still in flight and the tail, each of which may have been cut in two.
MAX_BATCHES = 4

# Where a request keeps the fields that were read ahead.
_AHEAD = "flask_zerotrust.form_fields"
_OWN_PAIRS = re.compile(rb"(?:^|(?<=&))zerotrust_(?:batch|proof)=[^&]*")


class StrippingRequest(Request):
    """A request whose form never shows the extension's own fields.

    The body stays as it is, for views that check a signature of it or read it as a stream.
    """

    zerotrust_fields: tuple[tuple[str, str], ...] = ()

    def make_form_data_parser(self) -> FormDataParser:
        """Return Werkzeug's parser, followed by taking the fields out."""
        return cast(FormDataParser, _Stripper(super().make_form_data_parser(), self))


class _Stripper:
    def __init__(self, parser: FormDataParser, owner: StrippingRequest) -> None:
        self._parser = parser
        self._owner = owner

    def parse(
        self, *args: Any, **kwargs: Any
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        stream, form, files = self._parser.parse(*args, **kwargs)
        if any(name in form for name in _OWN_FIELDS):
            items = list(form.items(multi=True))
            self._owner.zerotrust_fields = tuple(item for item in items if item[0] in _OWN_FIELDS)
            form = self._parser.cls([item for item in items if item[0] not in _OWN_FIELDS])
        return stream, form, files


class _Rejoined(io.RawIOBase):
    """A body of which the beginning was read: that first, then the rest as it comes."""

    def __init__(self, beginning: bytes, rest: IO[bytes]) -> None:
        self._beginning = io.BytesIO(beginning)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        wanted = -1 if size is None else size
        result = self._beginning.read(wanted)
        if wanted < 0:
            return result + self._rest.read()
        return result + self._rest.read(wanted - len(result)) if len(result) < wanted else result

    def readinto(self, buffer: Any) -> int:
        result = self.read(len(buffer))
        buffer[: len(result)] = result
        return len(result)


def is_readable(*, most_bytes: int | None = None) -> bool:
    """Return whether a form may be parsed to be kept: it has few fields and a fair length.

    Werkzeug takes forms of 250,000 empty fields, which take it 100 times as long as an ordinary one. A body
    of more than ``most_bytes`` is not parsed either. An escape, which is three octets, counts as one.

    Raises
    ------
    RequestEntityTooLarge
        For a body over the app's own limit.
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        return True
    length, limit = request.content_length, request.max_form_memory_size
    if length is None:
        return not request.environ.get("wsgi.input_terminated")
    if limit is not None and length > limit:
        return False
    body = request.get_data(parse_form_data=False)
    fits = most_bytes is None or len(body) - 2 * body.count(b"%") <= most_bytes
    return fits and body.count(b"&") < MAX_FORM_FIELDS


def form_batches() -> tuple[str, ...]:
    """Return the batches that ride in this form post, oldest first. Nothing where they are too many."""
    result = tuple(value for name, value in _own_fields() if name == BATCH_FIELD)
    fits = len(result) <= MAX_BATCHES and sum(map(len, result)) <= MAX_FIELD_BYTES
    return result if fits else ()


def form_proof() -> str:
    """Return the proof by the browser's key that rides in this form post. Empty without one."""
    return next((value for name, value in _own_fields() if name == PROOF_FIELD), "")


def masked_fields() -> frozenset[str]:
    """Return the names of fields that the page says are secret. Call it after the form was parsed."""
    return frozenset(value for name, value in _own_fields() if name == MASKED_FIELD)


def pressed_button() -> str:
    """Return the name of the button that sent a form, if the page says so.

    Call it after the form was parsed.
    It is believed of the site's own pages only, because the button's value is not shown to be confirmed.
    """
    return next((value for name, value in _own_fields() if name == PRESSED_FIELD), "")


def _own_fields() -> tuple[tuple[str, str], ...]:
    """Return the extension's fields of this form post, from its beginning unless it was parsed before."""
    if request.method != "POST":
        return ()
    if "form" in vars(request):
        return cast("tuple[tuple[str, str], ...]", getattr(request, "zerotrust_fields", ()))
    if _AHEAD not in request.environ:
        request.environ[_AHEAD] = tuple(_fields_ahead())
    return cast("tuple[tuple[str, str], ...]", request.environ[_AHEAD])


def _fields_ahead() -> Iterator[tuple[str, str]]:
    if request.mimetype == "application/x-www-form-urlencoded":
        return _urlencoded(_beginning())
    if request.mimetype == "multipart/form-data":
        boundary = request.mimetype_params.get("boundary")
        return _multipart(_beginning(), boundary) if boundary else iter(())
    return iter(())


def _beginning() -> bytes:
    """Return the beginning of the body, and leave the body as if nobody had read of it.

    Nothing is read of a body without a length, which no form of a browser is, or of one that the app has
    begun to read as a stream.
    """
    stored: bytes | None = getattr(request, "_cached_data", None)  # by get_data()
    if stored is not None:
        return stored[:MAX_AHEAD_BYTES]
    if not request.content_length or "stream" in vars(request):
        return b""
    rest = request.environ["wsgi.input"]
    try:
        result: bytes = rest.read(min(request.content_length, MAX_AHEAD_BYTES))
    except OSError:  # the client is gone, which the view will see as well
        return b""
    request.environ["wsgi.input"] = _Rejoined(result, rest)
    return result


def _urlencoded(beginning: bytes) -> Iterator[tuple[str, str]]:
    """Yield our fields of a form's beginning, without one that may have been cut."""
    if len(beginning) < (request.content_length or 0):
        beginning = beginning[: beginning.rfind(b"&") + 1]
    own = b"&".join(_OWN_PAIRS.findall(beginning))
    yield from parse_qsl(own.decode("latin-1"), keep_blank_values=True)


def _multipart(beginning: bytes, boundary: str) -> Iterator[tuple[str, str]]:
    """Yield our fields of a form's beginning, without one that was cut."""
    name, value = "", b""
    for event in _events(beginning, boundary):
        if isinstance(event, Field | File):
            name, value = event.name if isinstance(event, Field) else "", b""
        elif isinstance(event, Data) and name in _OWN_FIELDS:
            value += event.data
            if not event.more_data:
                yield name, value.decode("utf-8", "replace")


def _events(beginning: bytes, boundary: str) -> Iterator[Event]:
    """Yield the parts of a multipart body's beginning, up to the first broken one."""
    try:
        decoder = MultipartDecoder(boundary.encode("ascii"), max_parts=MAX_FORM_FIELDS)
        decoder.receive_data(beginning)
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            yield event
    except (ValueError, RequestEntityTooLarge):
        return
