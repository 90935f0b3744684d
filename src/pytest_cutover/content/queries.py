"""The statements that hash a table's rows. Columns are called c0, c1, … and the key's seed s inside them."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_cutover.content.hashing import value_hash
from pytest_cutover.content.layout import Hashed, Layout, Stored
from pytest_cutover.names import quote_identifier


def fingerprint(stored: Stored, layout: Layout) -> str:
    """One row: the count, the key set's hash, one hash per column outside the key; without a key, count and sum."""
    if not layout.key:
        return f"SELECT count(*), coalesce(sum(r), 0)::text FROM ({_bag_rows(stored, layout)}) AS q"
    return f"SELECT {', '.join(_aggregates(layout))} FROM {_keyed(stored, layout)}"


def buckets(stored: Stored, layout: Layout, shift: int) -> str:
    """One row per bucket of keys: its number, then as `fingerprint`."""
    return f"SELECT s >> {shift}, {', '.join(_aggregates(layout))} FROM {_keyed(stored, layout)} GROUP BY 1"


def rows(stored: Stored, layout: Layout, shift: int = 0, wanted: list[int] | None = None) -> str:
    """The seed and the hash of each column outside the key (0 for NULL), by seed; only the wanted buckets' rows."""
    hashes = [f"coalesce({each}, 0)" for each in _hashes(layout)]
    only = "" if wanted is None else f" WHERE {_any_of(f's >> {shift}', wanted)}"
    return f"SELECT {', '.join(['s', *hashes])} FROM {_keyed(stored, layout)}{only} ORDER BY 1"


def bag(stored: Stored, layout: Layout) -> str:
    """The hash of each different row and how often it is there, by hash."""
    return f"SELECT r, count(*) FROM ({_bag_rows(stored, layout)}) AS q GROUP BY r ORDER BY r"


def span(stored: Stored, layout: Layout) -> str:
    """The least and the greatest key; the key must be plain."""
    key = quote_identifier(layout.key[0].name)
    return f"SELECT min({key})::int8, max({key})::int8 FROM {stored.source}"


def keys(stored: Stored, layout: Layout, seeds: Iterable[int]) -> str:
    """The seed and the printed key of the rows that have these seeds, by key."""
    names = [f"k{position}" for position in range(len(layout.key))]
    columns = [f"{quote_identifier(each.name)} AS {name}" for each, name in zip(layout.key, names, strict=True)]
    # concat calls the type's output function, where a cast would drop a character's trailing blanks.
    shown = [name if each.how in ("int32", "int64") else f"concat({name})" for each, name in zip(layout.key, names)]
    inner = f"SELECT {layout.seed} AS s, {', '.join(columns)} FROM {stored.source} OFFSET 0"
    return f"SELECT s, {', '.join(shown)} FROM ({inner}) AS q WHERE {_any_of('s', seeds)} ORDER BY {', '.join(names)}"


def _any_of(expression: str, numbers: Iterable[int]) -> str:
    return f"{expression} = ANY ('{{{','.join(map(str, numbers))}}}'::int8[])"


def _aggregates(layout: Layout) -> list[str]:
    # A plain key is its own seed: it needs both places, since hashing a bigint folds it to 32 bits.
    return [
        "count(*)",
        "coalesce(bit_xor(hashint8extended(s, s)), 0)",
        *(f"coalesce(bit_xor({each}), 0)" for each in _hashes(layout)),
    ]


def _hashes(layout: Layout) -> list[str]:
    return [value_hash(each.how, f"c{position}", "s") for position, each in enumerate(layout.values)]


def _keyed(stored: Stored, layout: Layout) -> str:
    # OFFSET 0 keeps the seed from being worked out again for each column.
    return f"(SELECT {', '.join([f'{layout.seed} AS s', *_named(layout.values)])} FROM {stored.source} OFFSET 0) AS q"


def _bag_rows(stored: Stored, layout: Layout) -> str:
    hashes = ", ".join(value_hash(each.how, f"c{position}", "0::int8") for position, each in enumerate(layout.columns))
    row = f'hashtextextended((ARRAY[{hashes}]::int8[])::text COLLATE "C", 0) AS r'
    return f"SELECT {row} FROM (SELECT {', '.join(_named(layout.columns))} FROM {stored.source} OFFSET 0) AS p"


def _named(columns: tuple[Hashed, ...]) -> list[str]:
    return [f"{quote_identifier(each.name)} AS c{position}" for position, each in enumerate(columns)]
