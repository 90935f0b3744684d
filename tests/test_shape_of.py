"""What is left of a statement that other people ran: its shape."""

from __future__ import annotations

import pytest

from pytest_cutover.sql import shape_of


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("SELECT * FROM t WHERE id = $1", "SELECT * FROM t WHERE id = $1"),
        ("SELECT a.b FROM t\n  WHERE s = 'secret' AND n = -12.5", "SELECT a.b FROM t WHERE s = ? AND n = -?"),
        ("/* user=secret */ SELECT 1 -- secret", "SELECT ?"),
        ("INSERT INTO t VALUES (E'it\\'s', $$secret$$, x'ff', B'1', U&'s')", "INSERT INTO t VALUES (?, ?, ?, ?, ?)"),
        ("(SELECT 1) UNION SELECT 2", "(SELECT ?) UNION SELECT ?"),
        ("ALTER ROLE till PASSWORD 'secret'", "ALTER ROLE …"),
        ("SET app.token TO secret", "SET …"),
        ("SELECT 'secret", "(a statement that cannot be read)"),
        ("", ""),
    ],
)
def test_no_constant_and_no_comment_is_left(text: str, shape: str) -> None:
    """A server keeps constants where a statement is none that it plans."""
    assert shape_of(text) == shape


def test_a_long_statement_is_cut() -> None:
    shape = shape_of("SELECT " + ", ".join(f"column_{n}" for n in range(100)))

    assert len(shape) == 120
    assert shape.endswith("…")
