"""`utc` on a live database: every value's form is proved there, the instants were in the rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.live.baseline import SavedDatabase
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.live.sqlite import LiveSqlite
from pytest_cutover.sqlite.connection import SqliteTarget
from tests.sqlite.conftest import execute

KEYS: dict[str, Any] = {
    "table": "events", "columns": ["at"], "skip": ["HH:MM"],
    "source": {"YYYY-MM-DD HH:MM:SS": "UTC", "YYYY-MM-DDTHH:MM:SS": "+07:00"},
}  # fmt: skip
IN_UTC = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.25Z", "2028-02-29T23:59:59Z", "2026-12-31T10:00:00+00:00"]
NOT_UTC = [
    "2026-01-01 00:00:00", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "2027-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
    "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00z", "2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00+07:00", "2026-01-01T00:00Z", "0000-01-01T00:00:00Z", "2026-1-1T00:00:00Z", "fooZ", "",
    "2026-01-01T00:00:00Z\n", "２026-01-01T00:00:00Z",
]  # fmt: skip

Ask = Callable[..., Finding]


@pytest.fixture(params=["postgresql", "sqlite"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Ask:
    """What the criterion finds in a live table with these values, in a phase."""

    @contextmanager
    def live(values: list[str | None]) -> Iterator[LivePostgres | LiveSqlite]:
        texts = ["NULL" if value is None else f"'{value}'" for value in values]
        rows = ", ".join(f"({number}, {text})" for number, text in enumerate(texts, 1))
        collated = " COLLATE NOCASE" if request.param == "sqlite" else ""
        sql = f"CREATE TABLE events (id int PRIMARY KEY, at text{collated});" + (
            f"INSERT INTO events VALUES {rows}" if values else ""
        )
        if request.param == "sqlite":
            path = tmp_path / "events.db"
            path.unlink(missing_ok=True)
            view: LivePostgres | LiveSqlite = LiveSqlite(SqliteTarget(execute(path, sql)))
        else:
            view = LivePostgres(request.getfixturevalue("new_database")(sql))
        with closing(view), view.checking("c"):
            yield view

    def found(
        values: list[str | None], *, ahead: bool = False, rehearsed: Callable[[str], str] | None = None
    ) -> Finding:
        criterion: Any = KINDS["utc"].model_validate({"id": "c", "kind": "utc", **KEYS})
        if ahead:
            criterion = criterion.before_values()
        with live(values) as view:
            before = SavedDatabase(view.dialect, view.language, None, tmp_path / "none.json", rehearsed)
            finding: Finding = criterion.check(before, view)
            return finding

    return found


def proved(_: str) -> str:
    return "2026-01-15"


def refused(_: str) -> str:
    raise NotChecked("it was waived")


def test_values_in_utc_hold_where_the_rehearsal_proved_the_instants(ask: Ask) -> None:
    """The message says what was looked at here, and what was not."""
    finding = ask([*IN_UTC, None, "08:30"], rehearsed=proved)

    assert finding.holds
    assert finding.message == (
        "all 4 timestamps of events are in UTC by their form; left out: 1; that they mean what they meant was proved in "
        "the rehearsal of 2026-01-15 and is not compared here"
    )


@pytest.mark.parametrize("rehearsed", [None, refused])
def test_the_form_alone_lets_nobody_go(ask: Ask, rehearsed: Callable[[str], str] | None) -> None:
    """A local time with a Z behind it has the right form."""
    with pytest.raises(NotChecked, match="waived|not compared with a rehearsal"):
        ask(IN_UTC, rehearsed=rehearsed)


def test_every_other_form_fails(ask: Ask) -> None:
    """The database counts nothing as plain that the calendar or ISO 8601 does not have."""
    finding = ask([*IN_UTC, *NOT_UTC], rehearsed=proved)

    assert not finding.holds
    found = sorted(row[0] for row in finding.evidence[0].rows)
    assert found == list(range(len(IN_UTC) + 1, len(IN_UTC) + len(NOT_UTC) + 1))
    assert "are not ISO 8601 in UTC" in finding.message


def test_ahead_of_the_migration_every_value_must_be_readable(ask: Ask) -> None:
    """What the backup did not hold, and the migration may not know, is found while there is still time."""
    assert ask([*IN_UTC, "2026-01-01 00:00:00", "2026-01-01T00:00:00.5", None, "08:30"], ahead=True).holds
    finding = ask(["2026-01-01 00:00:00", "01/02/2026 00:00", "2026-02-30 00:00:00"], ahead=True)

    assert finding.message == "2 of 3 timestamps of events.at cannot be read for sure"
    assert sorted(row[0] for row in finding.evidence[0].rows) == [2, 3]


def test_a_table_without_timestamps_proves_nothing(ask: Ask) -> None:
    for values in ([], [None], ["08:30"]):
        with pytest.raises(NotChecked, match="holds no timestamp"):
            ask(values, rehearsed=proved)


def test_a_type_with_a_zone_is_in_utc_by_itself(new_database: Callable[..., Any]) -> None:
    """All but infinity, which is no instant."""
    criterion: Any = KINDS["utc"].model_validate({"id": "c", "kind": "utc", **KEYS, "skip": []})
    typed = (
        "CREATE TABLE events (id int PRIMARY KEY, at timestamptz); INSERT INTO events VALUES (1, '2026-01-01 07:00+07')"
    )
    for sql, holds in ((typed, True), (typed + ", (2, 'infinity')", False)):
        view = LivePostgres(new_database(sql))
        with closing(view), view.checking("c"):
            before = SavedDatabase("postgresql", view.language, None, Path("none.json"), proved)
            assert criterion.check(before, view).holds is holds
