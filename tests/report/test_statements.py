"""The report tells which statements of a migration took the time, and no value of a row."""

from __future__ import annotations

import json

from tests.project import Project

MIGRATION = """
ALTER TABLE parcels ADD COLUMN IF NOT EXISTS weight_g integer;
DO $$ BEGIN EXECUTE 'UPDATE parcels SET weight_g = 50 WHERE note <> ''third-secret'''; END $$;
COMMENT ON COLUMN parcels.weight_g IS 'fourth-secret';
"""


def test_a_migration_is_told_by_what_it_ran(project: Project) -> None:
    """With calls and rows, also of what ran inside of a DO block; the rest in one sum."""
    numbers = range(20)
    sums = "".join(f"SELECT {' + '.join('1' * (number + 2))};\n" for number in numbers)
    project.plan(migration=MIGRATION + sums)

    project.run("--plan=first")

    found = project.result["plans"][0]["locks"]["statements"]
    page = (project.root / "reports" / "report.html").read_text(encoding="utf-8")
    update = next(each for each in found["most"] if each["statement"].startswith("UPDATE parcels"))
    assert update["statement"] == "UPDATE parcels SET weight_g = $1 WHERE note <> $2"
    assert (update["nested"], update["calls"], update["rows"], update["role"]) == (True, 1, 2, "postgres")
    assert found["missing"] == ""
    assert len(found["most"]) == 15
    assert found["others"]["number"] == len(numbers) + 4 - 15
    assert [each["seconds"] for each in found["most"]] == sorted(
        (each["seconds"] for each in found["most"]), reverse=True
    )
    assert "UPDATE parcels SET weight_g = $1 WHERE note &lt;&gt; $2" in page
    assert "secret" not in json.dumps(found)


def test_what_is_not_counted_is_said_beside_the_verdict(project: Project) -> None:
    """A list that lacks something must not look whole."""
    project.plan(migration=MIGRATION + "SET pg_stat_statements.track = none;")

    project.run("--plan=first")

    plan = project.result["plans"][0]
    assert "changes what pg_stat_statements counts" in plan["locks"]["statements"]["missing"]
    assert any("Not all is known of what ran inside of functions" in each for each in plan["notes"])
    assert "Not all that ran is known" in (project.root / "reports" / "report.html").read_text(encoding="utf-8")
