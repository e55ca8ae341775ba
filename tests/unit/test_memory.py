"""The memory of movement: strokes of a visit are found among others, in a ring that forgets."""

from __future__ import annotations

import numpy as np
import pytest

from flask_zerotrust.replay import fingerprints, memory, pairs
from flask_zerotrust.replay.evidence import CAP_REPLAY, RECALLED, STRONG, WEAK, Hit, Replayed
from flask_zerotrust.replay.memory import LOG, ROW, ReplayMemory
from flask_zerotrust.stores import MemoryStore, SQLiteStore
from tests.clock import Clock


def rows(visit: int, at: float, n: int = 1, *, seed: int = 0) -> np.ndarray:
    """Return rows of winding strokes, a second apart."""
    rng = np.random.default_rng((visit, seed))
    made = np.zeros(n, ROW)
    made["visit"], made["at"], made["path"], made["telling"] = visit, at + np.arange(n), 500.0, 20.0
    made["begun_ms"] = 1_000.0 * np.arange(n) + rng.uniform(0, 300, n)
    made["ended_ms"] = made["begun_ms"] + rng.uniform(200, 600, n)
    made["place"] = rng.normal(0, 200, n) + 1j * rng.normal(0, 200, n)
    size = 100.0 / np.arange(1, fingerprints.HARMONICS + 1) ** 1.5
    made["prints"] = size * (rng.normal(size=(n, size.size)) + 1j * rng.normal(size=(n, size.size)))
    return made


def copies(of: np.ndarray, *, visit: int, matrix: complex = 1.2 + 0.5j) -> np.ndarray:
    """Return the same strokes of another visit, mirrored, turned and scaled."""
    made = of.copy()
    made["visit"], made["prints"] = visit, matrix * of["prints"].conj()
    made["place"] = matrix * of["place"].conj() + 300.0
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path, clock):
    on_disk = request.param == "sqlite"
    made = SQLiteStore(tmp_path / "s", clock=clock) if on_disk else MemoryStore(clock=clock)
    yield made
    made.close()


def test_a_copy_is_found_among_many(store, clock):
    kept = ReplayMemory(store, capacity=2_000, keep_s=1e6)
    for visit in range(100):
        kept.remember(rows(visit, clock.now, 8))
    asked = copies(rows(42, clock.now, 8), visit=7_777)
    for i, hits in enumerate(kept.look_up(asked, now=clock.now)):
        assert (hits[0].visit, hits[0].at) == (42, clock.now + i)
        # The first has none before it; of each batch one stroke is looked up alone.
        assert hits[0].strokes == (1 if i == 0 else 2)
        assert hits[0].likeness > (fingerprints.RARER if i == 0 else pairs.ALONE)


def test_a_batch_goes_on_where_the_one_before_it_ended(store, clock):
    kept = ReplayMemory(store, capacity=100, keep_s=1e6)
    kept.remember(rows(1, clock.now, 2))
    first, second = copies(rows(1, clock.now, 2), visit=2).reshape(2, 1)
    kept.remember(first)
    (hits,) = kept.look_up(second, now=clock.now)
    assert (hits[0].visit, hits[0].strokes) == (1, 2)
    (alone,) = kept.look_up(second, now=clock.now, before=second[:0])
    assert {hit.strokes for hit in alone} == {1}


def test_strokes_that_are_each_moved_by_themselves_are_found_alone(store, clock):
    """Another way between them makes another pair, but a winding stroke is known by itself."""
    kept = ReplayMemory(store, capacity=100, keep_s=1e6)
    kept.remember(rows(1, clock.now, 2))
    asked = copies(rows(1, clock.now, 2), visit=2)
    asked["place"][1] += 900.0
    hits = [kept.look_up(one, now=clock.now, before=asked[:0])[0] for one in asked.reshape(2, 1)]
    assert Replayed().add(hits).log_odds >= STRONG


def test_plain_strokes_are_known_in_pairs_only(store, clock):
    made = rows(1, clock.now, 3)
    made["telling"] = 0.0
    kept = ReplayMemory(store, capacity=100, keep_s=1e6)
    kept.remember(made)
    hits = kept.look_up(copies(made, visit=2), now=clock.now)
    assert [[hit.strokes for hit in one[:1]] for one in hits] == [[], [2], [2]]


def test_strangers_are_not_found(store, clock):
    kept = ReplayMemory(store, capacity=2_000, keep_s=1e6)
    for visit in range(100):
        kept.remember(rows(visit, clock.now, 8))
    assert not any(kept.look_up(rows(500, clock.now, 8), now=clock.now))


def test_processes_share_what_they_remember(store, clock):
    one, other = (ReplayMemory(store, capacity=100, keep_s=1e6) for _ in range(2))
    one.remember(rows(1, clock.now))
    asked = copies(rows(1, 0.0), visit=2)
    assert other.look_up(asked, now=clock.now)[0][0].visit == 1
    other.remember(rows(3, clock.now))
    assert one.look_up(copies(rows(3, 0.0), visit=4), now=clock.now)[0][0].visit == 3
    assert (len(one), len(other)) == (2, 1)


def test_own_strokes_count_from_a_minute_on(store, clock):
    kept = ReplayMemory(store, capacity=100, keep_s=1e6)
    kept.remember(rows(1, clock.now))
    for later, found in ((59.0, 0), (61.0, 1)):
        (hits,) = kept.look_up(rows(1, 0.0), now=clock.now + later)
        assert len(hits) == found


def test_the_oldest_go_first(store, clock):
    kept = ReplayMemory(store, capacity=10, keep_s=1e6)
    for visit in range(1, 16):
        kept.remember(rows(visit, clock.now))
        kept.look_up(rows(99, 0.0), now=clock.now)
    found = [bool(kept.look_up(copies(rows(v, 0.0), visit=99), now=clock.now)[0]) for v in range(1, 16)]
    assert found == [False] * 5 + [True] * 10
    assert len(kept) == len(store.entries(LOG)) == 10


def test_a_memory_that_reads_more_than_it_holds_keeps_the_newest(store, clock):
    for visit in range(1, 4):
        ReplayMemory(store, capacity=100, keep_s=1e6).remember(rows(visit, clock.now, 8))
    small = ReplayMemory(store, capacity=8, keep_s=1e6)
    assert not small.look_up(copies(rows(1, 0.0), visit=99), now=clock.now)[0]
    assert small.look_up(copies(rows(3, 0.0, 8), visit=99), now=clock.now)[7]


def test_old_strokes_are_forgotten_by_store_and_index(store, clock):
    kept = ReplayMemory(store, capacity=100, keep_s=1_000.0)
    kept.remember(rows(1, clock.now))
    asked = copies(rows(1, 0.0), visit=2)
    assert kept.look_up(asked, now=clock.now)[0]
    clock.tick(1_001)
    assert not kept.look_up(asked, now=clock.now)[0]
    assert len(kept) == 0
    assert store.entries(LOG) == []


def test_a_log_that_has_been_empty_goes_on(store, clock):
    """A reader that remembers an older position must not miss what comes later."""
    kept = ReplayMemory(store, capacity=100, keep_s=1_000.0)
    for visit in range(1, 6):
        kept.remember(rows(visit, clock.now))
    kept.look_up(rows(9, 0.0), now=clock.now)
    clock.tick(2_000)
    for number in range(300):  # writes that sweep the old entries away
        store.put(f"key-{number}", b"", ttl_s=60)
    kept.remember(rows(7, clock.now))
    assert kept.look_up(copies(rows(7, 0.0), visit=8), now=clock.now)[0]


def test_an_entry_that_is_not_ours_is_left_out(store, clock):
    store.append(LOG, b"something else", keep=10, ttl_s=60)
    kept = ReplayMemory(store, capacity=10, keep_s=60)
    kept.remember(rows(1, clock.now))
    assert kept.look_up(copies(rows(1, 0.0), visit=2), now=clock.now)[0]
    assert len(kept) == 1


def test_a_batch_adds_no_more_than_its_share(clock):
    from tests.unit.test_replay import winding

    one = winding(1)
    n = memory.MOST_STROKES + 5
    many = type(one)(
        np.concatenate([one.t_ms + 2_000 * i for i in range(n)]),
        np.tile(one.x, n),
        np.tile(one.y, n),
        np.arange(n + 1) * one.t_ms.size,
    )
    made = memory.rows_of(many, thread="t", now=clock.now)
    assert len(made) == memory.MOST_STROKES
    assert (np.diff(made["at"]) > 0).all()


def hit(at: float, likeness: float = 0.6, visit: int = 1) -> tuple[Hit, ...]:
    return (Hit(visit, at, likeness),)


def pair(at: float, likeness: float, visit: int = 1) -> tuple[Hit, ...]:
    return (Hit(visit, at, likeness, 2),)


def test_a_pair_that_is_very_like_is_strong_and_two_in_order_need_less():
    assert Replayed().add([pair(5, pairs.ALONE)]).log_odds == STRONG
    assert Replayed().add([pair(5, pairs.ALONE - 0.01)]).log_odds == 0.0
    half = pairs.IN_ORDER / 2
    assert Replayed().add([pair(5, half), pair(6, half)]).log_odds == STRONG
    assert Replayed().add([pair(6, half), pair(5, half)]).log_odds == 0.0
    assert Replayed().add([pair(5, half), pair(6, half - 0.01)]).log_odds == 0.0


def test_a_pair_does_not_go_on_with_a_single_stroke():
    """The pair holds that stroke already: it would count twice."""
    assert Replayed().add([hit(5, 0.7), pair(6, 1.0)]).log_odds == 0.0


def test_one_stroke_is_weak_however_often():
    state = Replayed().add([hit(50, 2.0), hit(50, 2.0), hit(5, 2.0)])
    assert state.log_odds == WEAK


def test_strokes_in_order_are_strong():
    assert Replayed().add([hit(5), hit(6)]).log_odds == STRONG
    assert Replayed().add([hit(5)]).add([(), hit(6)]).log_odds == STRONG
    assert Replayed().add([hit(5 + i) for i in range(9)]).log_odds == CAP_REPLAY


@pytest.mark.parametrize("second", [hit(4), hit(5), hit(36), hit(6, visit=2), hit(6, likeness=0.15)])
def test_strokes_that_do_not_go_on_are_not(second):
    assert Replayed().add([hit(5), second]).log_odds == 0.0


def test_faint_strokes_count_together_when_there_are_many():
    states = [Replayed().add([hit(5 + i, 0.15) for i in range(n)]).log_odds for n in (5, 6)]
    assert states == [0.0, STRONG]


def test_evidence_of_a_replay_is_bounded_and_survives_the_store():
    state = Replayed().add([tuple(Hit(v, 5.0, 0.1) for v in range(4)) for _ in range(30)])
    assert len(state.hits) == RECALLED
    assert Replayed.from_json(state.to_json()) == state
    assert Replayed.from_json(None) == Replayed()
