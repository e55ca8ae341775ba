"""Who banks here and what they own: SQLite in the instance folder, money in whole pence."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from flask import Flask, current_app, g
from werkzeug.security import generate_password_hash

from .seed import CUSTOMERS, PASSWORDS, seed_movements

# Five seconds: longer than another worker needs to make the database.
START_TRIES, START_PAUSE_S = 100, 0.05


class TransferRefused(Exception):
    """The transfer cannot be made; the text tells the customer why, ``field`` where to mend it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclass(frozen=True, slots=True)
class Customer:
    """A row of ``customer``, in the shape Flask-Login asks for."""

    id: str
    name: str
    password_hash: str
    phone: str
    account: str

    is_active = True
    is_authenticated = True
    is_anonymous = False

    @property
    def email(self) -> str:
        """Where the customer gets mail: a made-up mailbox, which the demo phone shows."""
        return f"{self.id}@post.example"

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the session."""
        return self.id


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of an account."""

    id: int
    day: date
    party: str
    note: str
    pence: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One month of an account; ``closing`` is the balance at its end, in pence."""

    month: date
    movements: tuple[Movement, ...]
    closing: int

    @property
    def paid_in(self) -> int:
        """Pence that came in."""
        return sum(m.pence for m in self.movements if m.pence > 0)

    @property
    def paid_out(self) -> int:
        """Pence that went out, as a positive number."""
        return -sum(m.pence for m in self.movements if m.pence < 0)


def init_app(app: Flask) -> None:
    """Make the tables that the instance folder lacks, seed an empty bank, and close connections."""
    path = Path(app.instance_path) / "bank.sqlite"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db, db:
        _write_ahead(db)
        db.execute("BEGIN IMMEDIATE")
        for statement in Path(app.root_path, "schema.sql").read_text(encoding="utf-8").split(";"):
            db.execute(statement)
        if not db.execute("SELECT 1 FROM customer").fetchone():
            _seed(db, today=datetime.now(UTC).date())
    app.config["BANK_DATABASE"] = str(path)
    app.teardown_appcontext(_close)


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to a write-ahead log: SQLite waits for nobody there, so starting workers try again."""
    for _ in range(START_TRIES):
        with suppress(sqlite3.OperationalError):
            db.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(START_PAUSE_S)
    db.execute("PRAGMA journal_mode = WAL")


def _seed(db: sqlite3.Connection, *, today: date) -> None:
    for row in CUSTOMERS:
        hashed = generate_password_hash(PASSWORDS[row.id])
        db.execute(
            "INSERT INTO customer VALUES (?, ?, ?, ?, ?)",
            (row.id, row.name, hashed, row.phone, row.account),
        )
        db.executemany(
            "INSERT INTO movement (customer_id, day, party, note, pence) VALUES (?, ?, ?, ?, ?)",
            [
                (row.id, (today - timedelta(days=ago)).isoformat(), party, note, pence)
                for ago, party, note, pence in seed_movements(row.id)
            ],
        )


def _db() -> sqlite3.Connection:
    if "bank_db" not in g:
        g.bank_db = sqlite3.connect(current_app.config["BANK_DATABASE"], timeout=10, isolation_level=None)
    db: sqlite3.Connection = g.bank_db
    return db


def _close(_: BaseException | None) -> None:
    db = g.pop("bank_db", None)
    if db is not None:
        db.close()


@contextmanager
def _writing() -> Iterator[sqlite3.Connection]:
    """One transaction that holds the write lock from its first read on."""
    db = _db()
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield db


def customer(customer_id: str) -> Customer | None:
    """Return the customer of that user name; None if there is none."""
    row = _db().execute("SELECT * FROM customer WHERE id = ?", (customer_id,)).fetchone()
    return Customer(*row) if row else None


def customers() -> list[Customer]:
    """Return all customers: there are three."""
    return [Customer(*row) for row in _db().execute("SELECT * FROM customer ORDER BY id")]


def balance(customer_id: str) -> int:
    """Return what the customer has, in pence."""
    return _balance(_db(), customer_id)


def _balance(db: sqlite3.Connection, customer_id: str) -> int:
    query = "SELECT coalesce(sum(pence), 0) FROM movement WHERE customer_id = ?"
    return int(db.execute(query, (customer_id,)).fetchone()[0])


def movements(customer_id: str, *, newest: int) -> list[Movement]:
    """Return the newest movements, newest first."""
    query = "SELECT * FROM movement WHERE customer_id = ? ORDER BY id DESC LIMIT ?"
    rows = _db().execute(query, (customer_id, newest))
    return [Movement(id_, date.fromisoformat(day), *rest) for id_, _, day, *rest in rows]


def statements(customer_id: str) -> list[Statement]:
    """Return the account month by month, newest first."""
    lines = movements(customer_id, newest=10_000)[::-1]
    made: list[Statement] = []
    running = 0
    for month, group in groupby(lines, key=lambda line: line.day.replace(day=1)):
        part = tuple(group)
        running += sum(line.pence for line in part)
        made.append(Statement(month, part[::-1], running))
    return made[::-1]


def consents(customer_id: str) -> bool:
    """Say whether the customer has agreed to a profile of how they move."""
    query = "SELECT 1 FROM consent WHERE customer_id = ?"
    return _db().execute(query, (customer_id,)).fetchone() is not None


def set_consent(customer_id: str, agreed: bool) -> None:
    """Write down that the customer agrees, with the moment, or no longer does."""
    with _writing() as db:
        db.execute("DELETE FROM consent WHERE customer_id = ?", (customer_id,))
        if agreed:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            db.execute("INSERT INTO consent VALUES (?, ?)", (customer_id, now))


def transfer(customer_id: str, *, to: str, pence: int, today: date) -> str:
    """Move money, all of it or nothing, and return the payee as the account will show it.

    ``to`` is the user name, full name or account number of another customer, or anyone at
    another bank.

    Raises
    ------
    TransferRefused
        If the customer has less than that, or is the payee.
    """
    with _writing() as db:
        query = "SELECT * FROM customer WHERE lower(?) IN (id, lower(name), account)"
        row = db.execute(query, (to,)).fetchone()
        payee = Customer(*row) if row else None
        if payee is not None and payee.id == customer_id:
            raise TransferRefused("to", "That is this account. Choose someone else to send money to.")
        if pence > _balance(db, customer_id):
            raise TransferRefused("amount", "You do not have that much in this account.")
        _add(db, customer_id, today, payee.name if payee else to, -pence)
        if payee is not None:
            sender = customer(customer_id)
            _add(db, payee.id, today, sender.name if sender else "A customer", pence)
    return payee.name if payee else to


def _add(db: sqlite3.Connection, customer_id: str, day: date, party: str, pence: int) -> None:
    note = "Transfer received" if pence > 0 else "Transfer sent"
    db.execute(
        "INSERT INTO movement (customer_id, day, party, note, pence) VALUES (?, ?, ?, ?, ?)",
        (customer_id, day.isoformat(), party, note, pence),
    )
