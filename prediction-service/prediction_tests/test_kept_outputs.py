"""What a cache keeps: never another output than was put in, never more than it may, and what is asked for often."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_service.batching.job import Outcome
from prediction_service.caching.kept import ENTRY_BYTES, Kept

BUSY = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
"""Whatever else the machine does."""

PLENTY = 1 << 30


def find(kept: Kept, name: str) -> object:
    outcome = kept.find(name.encode())
    return None if outcome is None else outcome.output


def put(kept: Kept, *names: str) -> None:
    for name in names:
        kept.keep(name.encode(), f"<{name}>")


actions = st.tuples(
    st.sampled_from([*["keep"] * 10, *["find"] * 10, "clear"]),
    st.sampled_from("abcdefgh"),
    st.sampled_from([0, 0, 300, 700, 5000]),
)


@BUSY
@given(
    rows=st.sampled_from([1, 2, 3, 6, 100]),
    max_bytes=st.sampled_from([1, 3000, 6000, 1 << 20]),
    done=st.lists(actions, min_size=30, max_size=100),
)
def test_it_keeps_to_its_bounds_and_says_what_was_kept(rows: int, max_bytes: int, done: list[tuple]) -> None:
    kept, said = Kept(rows, max_bytes), dict[str, str]()
    for action, name, length in done:
        if action == "keep":
            if not any(name.encode() in segment for segment in (kept._new, kept._proven)):
                said[name] = "x" * length
            kept.keep(name.encode(), said[name])
        elif action == "find":
            assert find(kept, name) in (None, said.get(name))
        else:
            kept.clear()
            assert len(kept) == 0
        assert len(kept) <= rows
        assert kept.size <= max_bytes
        assert kept.size == sum(size for segment in (kept._new, kept._proven) for _, size in segment.values())
        assert kept._proven_bytes == sum(size for _, size in kept._proven.values())
        assert kept._new.keys().isdisjoint(kept._proven.keys())


@BUSY
@given(rows=st.integers(1, 60), names=st.lists(st.integers(0, 50).map(str), unique=True, max_size=60))
def test_all_that_there_is_room_for_is_kept(rows: int, names: list[str]) -> None:
    kept = Kept(rows, PLENTY)
    put(kept, *names)
    assert len(kept) == min(rows, len(names))
    assert [find(kept, name) for name in names[-rows:]] == [f"<{name}>" for name in names[-rows:]]


def test_what_was_used_longest_ago_makes_room() -> None:
    kept = Kept(3, PLENTY)
    for name in "abcad":
        if find(kept, name) is None:
            put(kept, name)
    assert [find(kept, name) for name in "abcd"] == ["<a>", None, "<c>", "<d>"]


def test_a_million_rows_that_are_asked_for_once_drive_out_nothing_that_is_asked_for_often() -> None:
    kept, often = Kept(1000, PLENTY), [f"often {number}" for number in range(800)]
    put(kept, *often)
    assert [find(kept, name) for name in often] == [f"<{name}>" for name in often]
    put(kept, *(f"once {number}" for number in range(20_000)))
    assert len(kept) == 1000
    assert [find(kept, name) for name in often] == [f"<{name}>" for name in often]


def test_what_is_asked_for_no_more_makes_room_for_what_is() -> None:
    kept = Kept(10, PLENTY)
    for generation in range(5):
        names = [f"{generation} {number}" for number in range(10)]
        for name in names:
            put(kept, name)
            assert find(kept, name) == f"<{name}>"
        assert [find(kept, name) for name in names] == [f"<{name}>" for name in names]


def test_what_is_too_large_drives_out_nothing() -> None:
    kept = Kept(1000, 100 * ENTRY_BYTES)
    put(kept, *(f"{number}" for number in range(50)))
    kept.keep(b"large", "x" * 30 * ENTRY_BYTES)
    assert kept.find(b"large") is None
    assert len(kept) == 50


def test_what_is_said_again_was_not_computed_for_who_asks() -> None:
    kept = Kept(1, PLENTY)
    put(kept, "a")
    assert kept.find(b"a") == Outcome("<a>", 0.0, 0, 0.0, is_cached=True)
