"""Locks that nothing measured: taken inside of a function without DDL, and given back between two looks from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_cutover.trace.explicit import VERBS, cascaded_locks, explicit_locks
from pytest_cutover.trace.model import Executed, Held, Relation, Transaction, spelled
from pytest_cutover.trace.sampler import FROM_OUTSIDE


def unseen_locks(
    executed: Iterable[Executed], transactions: Sequence[Transaction], relations: Mapping[int, Relation], longest: float
) -> list[Held]:
    """A lock for each table and mode that was taken inside of functions more often than it was seen.

    None of them lasted for more than the `longest` seconds between two looks. What was seen from outside is named by
    what took it.
    """
    times: Counter[tuple[str, str]] = Counter()
    verbs: dict[tuple[str, str], list[str]] = {}
    for verb, calls, oid, mode in _taken(executed, transactions, relations):
        relation = relations[oid]
        if relation.table is None:
            key = relation.name, spelled(mode)
            times[key] += calls
            if verb not in verbs.setdefault(key, []):
                verbs[key].append(verb)
    began = min((each.began for each in transactions), default=0.0)
    unseen = []
    for key, calls in times.items():
        by = f"{' or '.join(sorted(verbs[key]))} inside of a function"
        seen = list(_seen(transactions, *key, by))
        if len(seen) < calls and longest > max(seen, default=0.0):
            unseen.append(Held(*key, began, began + longest, by, at_most=True))
    return unseen


def _taken(
    executed: Iterable[Executed], transactions: Iterable[Transaction], relations: Mapping[int, Relation]
) -> Iterator[tuple[str, int, int, str]]:
    """What took a lock inside of a function, how often, the table's oid, and the mode as pg_locks has it."""
    for each in executed:
        if not each.toplevel:
            verb = each.text.split()[0].upper()
            yield from ((verb, each.calls, *lock) for lock in explicit_locks(each.query, (), relations))
    for transaction in transactions:
        for statement in transaction.statements:
            if not any(explicit_locks(statement.text, (), relations)):
                cascaded = cascaded_locks(statement.cascaded, relations)
                yield from (("TRUNCATE … CASCADE", 1, *lock) for lock in cascaded)


def _seen(transactions: Iterable[Transaction], table: str, mode: str, by: str) -> Iterator[float]:
    """How long each lock was held that may have been taken inside of a function: the others name what took them."""
    for transaction in transactions:
        named = {str(command) for command in transaction.commands} | VERBS
        for place, held in enumerate(transaction.held):
            if (held.table, held.mode) == (table, mode) and held.by not in named:
                if held.by == FROM_OUTSIDE:
                    transaction.held[place] = replace(held, by=by)
                yield held.seconds
