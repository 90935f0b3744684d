"""The SQL of a plan for SQLite: what only reads is taken, anything else refused when the plan is read."""

from __future__ import annotations

import pytest

from pytest_cutover.sqlite import language
from pytest_cutover.sqlite.rendering import render
from pytest_cutover.sqlite.tokens import code, statements, strict_names


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;", "SELECT * FROM t WHERE a = 'it''s; fine' -- a comment", "VALUES (1), (2)",
        "WITH w AS (SELECT 1 AS a) SELECT a FROM w", "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n"
        " WHERE x < 5) SELECT x FROM n", "SELECT * FROM pragma_table_info('t')", "SELECT [a b], `c`, \"d\" FROM t",
        "SELECT x'00ff', .5, 1e3, 0x1F /* a ; b */", "SELECT replace(a, 'x', 'y') FROM t", "SELECT count(*) FILTER (WHERE a) FROM t",
    ],
)  # fmt: skip
def test_what_only_reads_is_taken(text: str) -> None:
    """The text is given back without its semicolon."""
    assert language.parse_select(text) == text.split(" --")[0].removesuffix(";").removesuffix(" /* a ; b */")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("DELETE FROM t", "is not a SELECT (DELETE); a check only reads"),
        ("WITH w AS (SELECT 1) INSERT INTO t SELECT * FROM w", "is not a SELECT (INSERT)"),
        ("WITH w AS (SELECT 1) DELETE FROM t", "is not a SELECT (DELETE)"),
        ("PRAGMA writable_schema = ON", "is not a SELECT (PRAGMA); what only reads can be asked as a table"),
        ("ATTACH 'x' AS y", "is not a SELECT (ATTACH)"),
        ("SELECT load_extension('x')", "calls load_extension(), which does more than read"),
        ("SELECT 1; SELECT 2", "holds 2 statements; write exactly one SELECT"),
        ("SELECT 1; DROP TABLE t", "holds 2 statements"),
        ("-- nothing", "holds 0 statements"),
        ("SELECT ? FROM t", "holds the parameter ?; write the value"),
        ("SELECT :a", "holds the parameter :a"),
        ("SELECT a FROM", "is not SQL: "),
        ("SELEC 1", "is not SQL"),
        ("SELECT 'open", "is not SQL: line 1: ' is not closed"),
        (".tables", "holds the shell's command .tables; write it as SQL"),
        ("SELECT 1\x00", "holds a NUL character"),
        ("EXPLAIN SELECT 1", "is not a SELECT (EXPLAIN)"),
        ("SELECT 1::text", "is not SQL"),
    ],
)
def test_what_does_more_is_refused(text: str, why: str) -> None:
    """The message says what was found and what to write."""
    with pytest.raises(ValueError) as caught:
        language.parse_select(text)

    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cid > 0) OR (1", "closes a parenthesis that it did not open"),
        ("a > 0; DROP TABLE t", "holds a semicolon"),
        ("a, b", "is a list of expressions"),
        ("SELECT 1", "begins with SELECT"),
        (" ", "is empty"),
        ("a >", "is not SQL"),
        ("a = $x", "holds the parameter $x"),
    ],
)
def test_a_condition_stays_one(text: str, why: str) -> None:
    """What would leave its parentheses is refused."""
    with pytest.raises(ValueError, match=".") as caught:
        language.parse_predicate(text)

    assert why in str(caught.value)
    assert language.parse_predicate("a IN (1, 2) AND b BETWEEN 1 AND 3 -- both\n").startswith("a IN")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("BEGIN; DELETE FROM t", "begins or ends a transaction"),
        ("END", "begins or ends a transaction"),
        ("VACUUM", "is VACUUM, which cannot be undone"),
        ("ATTACH 'x' AS y", "is ATTACH, which cannot be undone"),
        ("PRAGMA journal_mode = wal; DELETE FROM t", "is PRAGMA journal_mode"),
        ("DELETE FROM t; PRAGMA foreign_keys = on; DELETE FROM t", "inside the transaction, where SQLite ignores it"),
        ("PRAGMA foreign_keys = on", "ends with a PRAGMA"),
        ("", "holds no statement"),
        ("EXPLAIN DELETE FROM t", "is an EXPLAIN"),
        ("INSERT INTO t VALUES (", "is not SQL"),
    ],
)
def test_statements_that_cannot_be_tried_are_refused(text: str, why: str) -> None:
    """What could not be undone never runs."""
    with pytest.raises(ValueError, match=".") as caught:
        language.parse_statements(text)

    assert why in str(caught.value)


def test_the_kinds_of_statements() -> None:
    """A statement is what its main part does."""
    found = language.parse_statements(
        "PRAGMA foreign_keys = on; REPLACE INTO t VALUES (1); WITH w AS (SELECT 1) UPDATE t SET a = 1; CREATE TABLE u (a)"
    )

    assert [each.kind for each in found] == ["PragmaStmt", "InsertStmt", "UpdateStmt", "CREATE"]


def test_a_checks_file_is_split_with_its_expectations() -> None:
    """Each query has one comment; what lacks one is told with its line."""
    found = language.split_queries("-- expect: 2\nSELECT 1 + 1;\nSELECT 3; -- expect: 3\n", "c.sql", str)

    assert [(query.text, query.line, told) for query, told in found] == [("SELECT 1 + 1", 2, "2"), ("SELECT 3", 3, "3")]
    with pytest.raises(ValueError, match="c.sql:1: the statement has no expectation") as caught:
        language.split_queries("SELECT 1;\n-- expect: 2\nDELETE FROM t;\n-- expected 3\n-- expect: 4", "c.sql", str)
    assert "c.sql:3: is not a SELECT (DELETE)" in str(caught.value)
    assert "c.sql:5: the expectation stands behind the last statement" in str(caught.value)


def test_a_trigger_is_one_statement() -> None:
    """The semicolons of its body do not end it, nor does the END of a CASE."""
    text = (
        "CREATE TEMP TRIGGER a AFTER UPDATE ON t BEGIN UPDATE t SET x = CASE WHEN 1 THEN 2 END; SELECT 1; END;\n"
        "SELECT 'CREATE TRIGGER'; CREATE TABLE b (c) ;;"
    )

    assert [piece.text[:14] for piece in statements(text)] == ["CREATE TEMP TR", "SELECT 'CREATE", "CREATE TABLE b"]


def test_definitions_have_one_spelling() -> None:
    """Case of keywords, quotes and blanks do not count; names, texts and numbers do."""
    assert render(code('check( "a">-1 and b in(1,2) )')) == "CHECK (a > -1 AND b IN (1, 2))"
    assert render(code("CHECK (`x y` = 'A  b')")) == "CHECK (\"x y\" = 'A  b')"


def test_a_quoted_name_stays_a_name() -> None:
    """SQLite takes a misspelt "name" for a text, and every row would meet the condition."""
    assert strict_names('SELECT "a""b", \'"c"\' -- "d"') == 'SELECT `a"b`, \'"c"\' -- "d"'


def test_the_tables_that_a_query_reads() -> None:
    """Behind FROM and JOIN, and behind the commas between them; not the columns of the list before."""
    text = "WITH w AS (SELECT a, b FROM one) SELECT a, b, (SELECT max(c, d) FROM main.two) FROM three, [fo ur] t JOIN w ORDER BY a, b"

    assert language.tables_read(text) == ["one", "two", "three", "fo ur", "w"]
