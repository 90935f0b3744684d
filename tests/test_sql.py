"""What the SQL of a plan may be."""

from __future__ import annotations

import pytest

from pytest_cutover.sql import names_in, parse_predicate, parse_select, parse_statements, split_queries, tables_read


@pytest.mark.parametrize(
    "text",
    ["SELECT 1", "  select 1 ;\n", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "TABLE t", "SELECT 1 -- c"],
)
def test_one_select_is_accepted(text):
    """Without its semicolon it can stand behind EXPLAIN."""
    assert not parse_select(text).endswith(";")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds 0 statements"),
        ("SELECT 1; SELECT 2", "holds 2 statements"),
        ("SELECT 1; DROP TABLE t", "holds 2 statements"),
        ("DROP TABLE t", "is not a SELECT (DROP)"),
        ("UPDATE t SET a = 1", "is not a SELECT (UPDATE)"),
        ("EXPLAIN ANALYZE DELETE FROM t", "is not a SELECT (EXPLAIN)"),
        ("DO $$ BEGIN RAISE NOTICE 'ok'; END $$", "is a DO block"),
        ("CREATE TABLE x AS SELECT 1", "is not a SELECT (CREATE TABLE AS)"),
        ("SELECT 1 INTO x", "is a SELECT INTO"),
        ("SELECT * FROM t FOR UPDATE", "locks rows"),
        ("SELECT * FROM (SELECT * FROM t FOR SHARE) AS s", "locks rows"),
        ("WITH d AS (DELETE FROM t RETURNING 1) SELECT * FROM d", "holds DELETE inside a WITH"),
        ("WITH d AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT * FROM d", "holds INSERT inside a WITH"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "calls set_config()"),
        ("SELECT pg_catalog.pg_terminate_backend(1)", "calls pg_terminate_backend()"),
        ("SELECT * FROM t WHERE a = $1", "holds the parameter $1"),
        ("SELECT FROM WHERE", "is not SQL"),
        ("\\d t", "holds the psql command \\d"),
    ],
)
def test_what_does_more_than_read_is_refused(text, message):
    """Each refusal says what is wrong."""
    with pytest.raises(ValueError) as caught:
        parse_select(text)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BEGIN; INSERT INTO t VALUES (1); COMMIT", "begins or ends a transaction"),
        ("ROLLBACK", "begins or ends a transaction"),
        ("SET ROLE postgres; SELECT 1", "changes the role"),
        ("RESET SESSION AUTHORIZATION", "changes the role"),
        ("COPY t FROM STDIN", "is a COPY"),
        ("EXPLAIN INSERT INTO t VALUES (1)", "is an EXPLAIN"),
        ("SET LOCAL app.tenant = '1'", "ends with a SET"),
        ("-- nothing", "holds no statement"),
        ("INSRT INTO t VALUES (1)", "is not SQL"),
    ],
)
def test_statements_cannot_leave_the_trial(text, message):
    """They stay in the transaction that is undone, and with their role."""
    with pytest.raises(ValueError) as caught:
        parse_statements(text)

    assert message in str(caught.value)


def test_statements_are_told_apart():
    """Each with the kind that the parser gives it."""
    found = parse_statements("INSERT INTO t VALUES (';'); UPDATE t SET a = 1;")

    assert [(each.kind, each.text) for each in found] == [
        ("InsertStmt", "INSERT INTO t VALUES (';')"), ("UpdateStmt", "UPDATE t SET a = 1"),
    ]  # fmt: skip


def test_a_predicate_is_returned_as_written():
    """It is put between parentheses on lines of their own, so a comment ends there."""
    assert parse_predicate(" a > 0 -- positive ") == "a > 0 -- positive"
    assert names_in("flights.cid > 0 AND (SELECT max(x) FROM t) > b") == {"cid", "x", "b"}


CHECKS = """\
-- Check 1: é
-- expect: 43
SELECT count(*)
FROM t;

/* Two on one line. */
SELECT 1; -- expect: 1
-- expect: empty
SELECT 2 WHERE false;
SELECT ';' -- expect: rows 1
"""


def test_each_query_of_a_file_has_its_line_and_its_expectation():
    """The comment stands above the query, inside it, or behind its semicolon."""
    found = split_queries(CHECKS, "checks.sql", str)

    assert [(each.line, expect) for each, expect in found] == [(3, "43"), (7, "1"), (9, "empty"), (10, "rows 1")]
    assert found[0][0].text.endswith("FROM t")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("SELECT 1;\n-- expect: 2\nSELECT 2;", ["c.sql:1: the statement has no expectation"]),
        (
            "SELECT 1;\n-- expect: 1\n",
            ["c.sql:1: the statement has no expectation", "c.sql:2: the expectation stands behind"],
        ),
        ("-- expect: 1\n-- expect: 2\nSELECT 1;", ["c.sql:3: the statement has 2 expectations, on lines 1 and 2"]),
        ("-- expects: 1\nSELECT 1;", ['c.sql:1: found "expects:"', "c.sql:2: the statement has no expectation"]),
        ("-- expect 1\nSELECT 1;", ["c.sql:1: found", "write a colon"]),
        ("-- Expect: 1\nSELECT 1;", ['the word is "expect:"']),
        ("-- expect: 1\nDO $$ BEGIN RAISE NOTICE 'x'; END $$;", ["c.sql:2: is a DO block"]),
        ("-- expect: 1\nDELETE FROM t;", ["c.sql:2: is not a SELECT (DELETE)"]),
        ("-- just words", ["c.sql: holds no statement"]),
        ("SELECT 1;\nSELECT 2", ["c.sql:1: ", "c.sql:2: "]),
        ("\\echo hello\nSELECT 1;", ["c.sql: holds the psql command \\echo"]),
        ("SELEC 1;", ["c.sql: is not SQL"]),
    ],
)
def test_a_query_without_exactly_one_expectation_is_refused(text, messages):
    """All mistakes at once, each with file and line."""
    with pytest.raises(ValueError) as caught:
        split_queries(text, "c.sql", str)

    for message in messages:
        assert message in str(caught.value)


def test_the_words_expect_and_expected_may_be_used_in_prose():
    """Only the colon makes an expectation."""
    found = split_queries("-- expected by the team\n-- expect: 1\nSELECT 1", "c.sql", str)

    assert [expect for _, expect in found] == ["1"]


def test_the_tables_that_a_query_reads():
    """Its own WITH queries are none."""
    sql = "WITH own AS (SELECT 1 FROM a) SELECT * FROM own JOIN public.b ON true WHERE EXISTS (SELECT FROM s.c)"

    assert set(tables_read(sql)) == {"a", "b", "s.c"}
