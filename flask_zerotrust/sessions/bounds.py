"""How many session records and batches there may be: of a user, of an address network, and altogether."""

from __future__ import annotations

from collections.abc import Callable

from flask_zerotrust.config import Settings
from flask_zerotrust.errors import PayloadError
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.stores.base import Store
from flask_zerotrust.stores.quotas import enlist, network

# A visitor costs nothing to invent, so records of people who have not logged in are kept for a visit only:
# movement fades to half in this time (ZEROTRUST_HALF_LIFE_S).
ANONYMOUS_S = 900.0
# Records that begin in a minute: of visitors altogether, of visitors from one network, which a large office
# may share, and of one user from one network.
MAX_NEW_ANONYMOUS_A_MINUTE = 6_000
MAX_NEW_A_MINUTE_NETWORK = 300
MAX_NEW_A_MINUTE_USER = 30
# Records at one time: of a user's proven sessions, of a user's others, of ids that these had before, and
# of the visitors of one network.
MAX_PROVEN, MAX_UNPROVEN, MAX_BURIED, MAX_NETWORK = 100, 100, 100, 500
# Batches of all sessions of a user: one hand moves one mouse. The collector sends one every 2 s while there
# is movement, and one a press. Each leaves a claim in the store.
MAX_BATCHES_AN_HOUR = 5_000
# Batches of visitors: from one network an hour, and altogether a minute.
MAX_BATCHES_AN_HOUR_NETWORK = 10_000
MAX_ANONYMOUS_BATCHES_A_MINUTE = 20_000

# Characters of a digest that names a network: 40 bits, so that two seldom share a bound.
_NETWORK_CHARS = 10


class Bounds:
    """The bounds of session records, over a store.

    Parameters
    ----------
    store : Store
    keys : KeyRing
        Makes the digests of networks.
    settings : Settings
    address : callable
        Returns the address of the client that asks, or an empty text.
    """

    def __init__(
        self, store: Store, keys: KeyRing, settings: Settings, *, address: Callable[[], str]
    ) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings
        self._address = address

    def life_s(self, user: str | None) -> float:
        """Return how long a record of a user, or of a visitor, is kept."""
        life_s = self._settings.session_s
        return life_s if user is not None else min(life_s, ANONYMOUS_S)

    def admit_batch(self, user: str | None) -> None:
        """Count a batch of a user, or of a visitor's network.

        Raises
        ------
        PayloadError
            429 for more than a hand can make.
        """
        if user is None:
            name, most = "from:" + self._network(), MAX_BATCHES_AN_HOUR_NETWORK
        else:
            name, most = "of:" + user, MAX_BATCHES_AN_HOUR
        if self._store.increment("batches-" + name, ttl_s=3_600) > most:
            raise PayloadError("seq", f"more than {most} batches an hour", status=429)
        if user is None:
            self._count("visitor-batches", MAX_ANONYMOUS_BATCHES_A_MINUTE)

    def admit(self, user: str | None) -> None:
        """Count a record that begins, first against those nearest to it.

        Raises
        ------
        PayloadError
            429 for too many in a minute.
        """
        where = self._network()
        if user is not None:
            self._count(f"new-sessions:{where}:{user}", MAX_NEW_A_MINUTE_USER)
            return
        self._count(f"new-visitors-from:{where}", MAX_NEW_A_MINUTE_NETWORK)
        self._count("new-visitors", MAX_NEW_ANONYMOUS_A_MINUTE)

    def enlist(self, session_id: str, record: Record, *, instead_of: str | None = None) -> list[str]:
        """Add a record to those of its user or network, and return the ids of those that no longer fit."""
        where = self._network()
        if record.user is None:
            roster, place, most = f"sessions-from:{where}", "", MAX_NETWORK
        elif record.proven:
            roster, place, most = f"proven-of:{record.user}", "", MAX_PROVEN
        else:
            roster, place, most = f"sessions-of:{record.user}", where, MAX_UNPROVEN
        return self._keep(session_id, record.user, roster, place, most, instead_of)

    def enlist_buried(self, session_id: str, user: str) -> list[str]:
        """Add an id that a session of a user had before, and return those that no longer fit."""
        return self._keep(session_id, user, f"buried-of:{user}", "", MAX_BURIED, None)

    def _keep(
        self, session_id: str, user: str | None, roster: str, place: str, most: int, instead_of: str | None
    ) -> list[str]:
        return enlist(
            self._store,
            roster,
            session_id,
            place=place,
            instead_of=instead_of,
            most=most,
            ttl_s=self.life_s(user),
            owner=None if user is None else "user:" + user,
        )

    def _count(self, name: str, most: int) -> None:
        if self._store.increment(name, ttl_s=60) > most:
            raise PayloadError("body", "too many at once; try again in a minute", status=429)

    def _network(self) -> str:
        return self._keys.digest("network", network(self._address()))[:_NETWORK_CHARS]
