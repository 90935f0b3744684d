"""How many connections are in use."""

from __future__ import annotations

from collections.abc import Callable

from tests.criteria.conftest import Pair, problem


def test_few_connections_hold_and_too_many_do_not(migrated: Callable[..., Pair]) -> None:
    """Our own session counts, too, so that there is at least one."""
    pair = migrated("CREATE TABLE t (id int)")

    holds, fails = pair.check("connections", max=10_000), pair.check("connections", max=1)
    with pair.after.target.connect():  # type: ignore[attr-defined]
        fails = pair.check("connections", max=1)

    assert holds.holds and "in use; the server allows" in holds.message
    assert not fails.holds and "connections are in use, expected are at most 1" in fails.message
    assert fails.expected == "at most 1"


def test_it_has_no_meaning_in_a_rehearsal() -> None:
    """A disposable server has the connections of the rehearsal alone."""
    assert 'has no meaning in the phase "rehearsal"' in problem("connections", max=5, phases=["rehearsal"])
