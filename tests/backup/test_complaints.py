"""What a program that restores says, and what it means for who has the backup."""

from __future__ import annotations

import pytest

from pytest_cutover.backup.complaints import judge
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox import Server


def test_a_counter_that_an_older_pg_dump_wrote_down_names_the_way_out(server: Server) -> None:
    """pg_dump of 17.10 writes it for a server of 15.20; no release before November 2026 takes it."""
    with pytest.raises(BackupError, match="Take it again with the pg_dump of the server's own release"):
        judge(3, 'psql:<stdin>:53: ERROR:  unrecognized parameter "pg_attver"', "the backup", server)
