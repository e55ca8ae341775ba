"""Hash passwords of the example app's customers at little cost."""

from __future__ import annotations

from functools import partial

from werkzeug.security import generate_password_hash

#: Hashes three passwords in no time. The default takes half a second for them, at each start of the app.
quick_hash = partial(generate_password_hash, method="pbkdf2:sha256:1")
