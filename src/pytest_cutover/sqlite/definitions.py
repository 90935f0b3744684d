"""What a CREATE TABLE of SQLite says, taken apart without a remainder: columns, constraints, options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pytest_cutover.sqlite.rendering import render
from pytest_cutover.sqlite.tokens import Token, brackets, code, split

_CLAUSES = frozenset(
    ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"]
)
_TABLE_CLAUSES = frozenset(["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"])


@dataclass(frozen=True)
class ConstraintText:
    """A constraint as the text has it. `name` is empty where it was given none; `column` is that of a column's own."""

    name: str
    type: str
    definition: str
    columns: tuple[str, ...] = ()
    references: str | None = None
    references_columns: tuple[str, ...] = ()
    deferrable: bool = False
    deferred: bool = False
    column: str = ""


@dataclass
class ColumnText:
    """A column as the text has it. `options` is what no other field holds, so that nothing of the text is lost."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    collation: str | None = None
    generated: str | None = None
    options: list[str] = field(default_factory=list)


@dataclass
class TableText:
    """A table as its text has it."""

    columns: list[ColumnText] = field(default_factory=list)
    constraints: list[ConstraintText] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


def parse_table(text: str) -> TableText:
    """What the CREATE TABLE, or CREATE VIRTUAL TABLE, says.

    Raises:
        ValueError: it is none.
    """
    found = code(text)
    if [token.word for token in found[:2]] == ["CREATE", "VIRTUAL"]:
        using = next(place for place, token in enumerate(found) if token.word == "USING")
        return TableText(options=[render(found[using:])])
    start = next((place for place, token in enumerate(found) if token.text == "("), None)
    if start is None:
        raise ValueError("it has no list of columns")
    end = brackets(found, start)
    table = TableText()
    for part in split(found[start + 1 : end - 1]):
        if part and part[0].word in _TABLE_CLAUSES:
            for name, clause in _named(_clauses(part, _TABLE_CLAUSES)):
                table.constraints.append(_constraint(name, clause, ""))
        elif part:
            _column(table, part)
    table.options = sorted(render(part).lower() for part in split(found[end:]) if part)
    return table


def _column(table: TableText, found: Sequence[Token]) -> None:
    """Adds the column and its constraints."""
    name = found[0].identifier
    start = next((place for place in range(1, len(found)) if found[place].word in _CLAUSES), len(found))
    column = ColumnText(name, render(found[1:start]))
    table.columns.append(column)
    for given, clause in _named(_clauses(found[start:], _CLAUSES)):
        word = clause[0].word
        if word == "NOT":
            column.nullable = False
            column.options += [render(clause[2:])] if clause[2:] else []
        elif word == "NULL":
            column.options += [render(clause[1:])] if clause[1:] else []
        elif word == "DEFAULT":
            column.default = _bare(clause[1:])
        elif word == "COLLATE":
            column.collation = clause[1].identifier
        elif word in ("GENERATED", "AS"):
            opening = next(place for place, token in enumerate(clause) if token.text == "(")
            closing = brackets(clause, opening)
            column.default = render(clause[opening + 1 : closing - 1])
            column.generated = "stored" if any(token.word == "STORED" for token in clause[closing:]) else "virtual"
        else:
            table.constraints.append(_constraint(given, clause, name))
            if any(token.word == "AUTOINCREMENT" for token in clause):
                column.options.append("autoincrement")


def _bare(found: Sequence[Token]) -> str:
    """The expression without the brackets around all of it."""
    if found and found[0].text == "(" and brackets(found, 0) == len(found):
        return render(found[1:-1])
    return render(found)


def _clauses(found: Sequence[Token], words: frozenset[str]) -> list[list[Token]]:
    """The parts of a column's or a table's definition, each beginning with one of the words."""
    parts: list[list[Token]] = []
    depth = 0
    for place, token in enumerate(found):
        before = found[place - 1].word if place else ""
        begins = depth == 0 and token.word in words and not _continues(token.word, before, found, place)
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "operator" else 0
        if begins or not parts:
            parts.append([])
        parts[-1].append(token)
    return parts


def _continues(word: str, before: str, found: Sequence[Token], place: int) -> bool:
    """True where the word goes on with the clause before it: SET NULL, NOT DEFERRABLE, DEFAULT NULL, FOREIGN KEY …"""
    behind = found[place + 1].word if place + 1 < len(found) else ""
    if word in ("NULL", "DEFAULT") and before in ("SET", "NOT", "DEFAULT"):
        return True
    return (word == "NOT" and behind == "DEFERRABLE") or before in ("CONSTRAINT", "DEFAULT", "COLLATE", "ALWAYS")


def _named(clauses: Sequence[list[Token]]) -> Iterator[tuple[str, list[Token]]]:
    """Each clause with the name that a CONSTRAINT before it gives."""
    name = ""
    for clause in clauses:
        if clause[0].word == "CONSTRAINT":
            name = clause[1].identifier
            if len(clause) > 2:
                yield name, clause[2:]
                name = ""
            continue
        yield name, clause
        name = ""


def _constraint(name: str, clause: Sequence[Token], column: str) -> ConstraintText:
    word = clause[0].word
    if word == "CHECK":
        return ConstraintText(name, "check", render(clause), column=column)
    if word in ("REFERENCES", "FOREIGN"):
        return _foreign_key(name, clause, column)
    kind, start = ("primary_key", 2) if word == "PRIMARY" else ("unique", 1)
    head = "PRIMARY KEY" if word == "PRIMARY" else "UNIQUE"
    if start < len(clause) and clause[start].text == "(":
        end = brackets(clause, start)
        listed = split(clause[start + 1 : end - 1])
        inside, rest = ", ".join(render(part) for part in listed), clause[end:]
        columns = tuple(part[0].identifier for part in listed)
    else:
        order = [token for token in clause[start:] if token.word in ("ASC", "DESC")]
        rest = [token for token in clause[start:] if token.word not in ("ASC", "DESC")]
        inside = " ".join([_quoted(column), *(token.word for token in order if token.word == "DESC")])
        columns = (column,)
    tail = f" {render(rest)}" if rest else ""
    return ConstraintText(name, kind, f"{head} ({inside}){tail}", columns, column=column)


def _foreign_key(name: str, clause: Sequence[Token], column: str) -> ConstraintText:
    place = 0
    columns: tuple[str, ...] = (column,)
    if clause[0].word == "FOREIGN":
        end = brackets(clause, 2)
        columns = tuple(part[0].identifier for part in split(clause[3 : end - 1]))
        place = end
    other = clause[place + 1].identifier
    there: tuple[str, ...] = ()
    if len(clause) > place + 2 and clause[place + 2].text == "(":
        end = brackets(clause, place + 2)
        there = tuple(part[0].identifier for part in split(clause[place + 3 : end - 1]))
    words = [token.word for token in clause]
    deferrable = "DEFERRABLE" in words and words[words.index("DEFERRABLE") - 1] != "NOT"
    listed = ", ".join(_quoted(each) for each in columns)
    return ConstraintText(
        name, "foreign_key", f"FOREIGN KEY ({listed}) {render(clause[place:])}", columns, other, there,
        deferrable, deferrable and "DEFERRED" in words, column,
    )  # fmt: skip


def _quoted(name: str) -> str:
    return render([Token("name", '"' + name.replace('"', '""') + '"', 0, 0)])


def constraint_name(table: str, found: ConstraintText, taken: set[str]) -> str:
    """The name of a constraint; one without a name is called as PostgreSQL would call it."""
    if found.name:
        name = found.name
    else:
        suffix = {"primary_key": "pkey", "unique": "key", "foreign_key": "fkey", "check": "check"}[found.type]
        middle = [] if found.type == "primary_key" else [*found.columns] or ([found.column] if found.column else [])
        name = "_".join([table, *middle, suffix])
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    taken.add(free)
    return free
