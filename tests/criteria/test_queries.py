"""Every query of a file returns what its comment says."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem, read

BASE = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);"


def write(pair, text: str) -> str:
    """The file beside the plan."""
    (pair.folder / "checks.sql").write_text(text)
    return "checks.sql"


def test_every_form_of_expectation(migrated):
    """Value, range, bound, truth, no rows, so many rows."""
    pair = migrated(BASE)
    file = write(
        pair,
        "-- expect: 2\nSELECT count(*) FROM t;\n-- expect: 1..3\nSELECT count(*) FROM t;\n-- expect: >=2\n"
        "SELECT count(*) FROM t;\n-- expect: true\nSELECT count(*) = 2 FROM t;\n-- expect: empty\nSELECT 1 WHERE false;\n"
        "-- expect: rows 2\nTABLE t;\n-- expect: rows 1..5\nTABLE t;\n-- expect: -1.5\nSELECT -1.50;\n",
    )

    finding = pair.check("queries", file=file)

    assert finding.holds, finding
    assert finding.message == "all 8 queries of checks.sql return what they should"
    assert finding.held_before is True


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ("-- expect: 3\nSELECT count(*) FROM t", "2"),
        ("-- expect: 3..4\nSELECT count(*) FROM t", "2"),
        ("-- expect: empty\nSELECT id FROM t", "2 rows"),
        ("-- expect: rows 1\nSELECT id FROM t", "2 rows"),
        ("-- expect: 0\nSELECT NULL::int", "NULL"),
        ("-- expect: 0\nSELECT 1 WHERE false", "no rows"),
        ("-- expect: 0\nSELECT count(*) FROM gone", 'an error: relation "gone" does not exist (SQLSTATE 42P01)'),
    ],
)
def test_another_result_fails_with_its_line(migrated, text, actual):
    """The line is that of the query, not of its comment."""
    pair = migrated(BASE)

    finding = pair.check("queries", file=write(pair, text))

    assert not finding.holds
    assert finding.message.startswith(f"checks.sql:2 returns {actual}, expected is ")


def test_all_wrong_queries_are_listed(migrated):
    """One error does not hide the next."""
    pair = migrated(BASE)

    finding = pair.check(
        "queries", file=write(pair, "-- expect: 1\nSELECT x;\n-- expect: 1\nSELECT 2;\n-- expect: 1\nSELECT 1")
    )

    assert finding.actual == (
        '1 of 3 as expected: checks.sql:2 an error: column "x" does not exist (SQLSTATE 42703), checks.sql:4 2'
    )
    assert [row[0] for row in finding.evidence[0].rows] == ["checks.sql:2", "checks.sql:4"]


def test_all_mistakes_of_the_file_are_told_when_the_plan_is_read(tmp_path):
    """Each with file and line."""
    (tmp_path / "checks.sql").write_text("SELECT 1;\n-- expect: many\nSELECT 2;")
    (tmp_path / "words.sql").write_text(
        "-- expect: many\nSELECT 2;\n-- expect: rows\nSELECT 1;\n-- expect: 5..3\nSELECT 1"
    )

    text = problem("queries", tmp_path, file="checks.sql")
    assert "checks.sql:1: the statement has no expectation" in text
    assert 'checks.sql:2: found "many"' in text
    text = problem("queries", tmp_path, file="words.sql")
    assert 'words.sql:1: found "many": write a number, a range 3..5' in text
    assert 'words.sql:3: found "rows"' in text
    assert 'words.sql:5: found "5..3": 5 is more than 3' in text


def test_a_file_that_is_not_there_or_outside_is_a_mistake(tmp_path):
    """Told when the plan is read."""
    (tmp_path / "odd.sql").write_bytes(b"-- expect: 1\nSELECT '\xff'")

    assert 'there is no file "gone.sql"' in problem("queries", tmp_path, file="gone.sql")
    assert "stay inside the repository" in problem("queries", tmp_path, file="../../etc/passwd")
    assert "stay inside the repository" in problem("queries", tmp_path, file="/etc/passwd")
    assert "is not UTF-8" in problem("queries", tmp_path, file="odd.sql")


def test_the_file_is_read_once(tmp_path):
    """What was judged when the plan was read is what runs."""
    (tmp_path / "checks.sql").write_text("-- expect: 1\nSELECT 1")
    criterion = read("queries", tmp_path, file="checks.sql")
    (tmp_path / "checks.sql").unlink()

    assert len(criterion._queries) == 1
