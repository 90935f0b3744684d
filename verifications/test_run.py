"""Does the migration run, again and back, and change nothing but what it declares?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("applies")
def test_applies(criterion, migration):
    """Every step runs to its end without an error."""
    finding = criterion.check(migration)
    assert finding, finding


@pytest.mark.criterion("duration")
def test_duration(criterion, migration):
    """The steps keep their budgets."""
    finding = criterion.check(migration)
    assert finding, finding


@pytest.mark.criterion("only_declared_changes")
def test_only_declared_changes(criterion, before, after, ledger):
    """Nothing changed but what the plan declares."""
    finding = criterion.check(before, after, ledger)
    assert finding, finding


@pytest.mark.criterion("idempotent")
def test_idempotent(criterion, after, rerun):
    """Running the migration once more does no harm."""
    finding = criterion.check(after, rerun)
    assert finding, finding


@pytest.mark.criterion("interrupted")
def test_interrupted(criterion, interrupted):
    """Cut off half-way, the migration is taken up again, or taken back."""
    finding = criterion.check(interrupted)
    assert finding, finding


@pytest.mark.criterion("restores_baseline")
def test_restores_baseline(criterion, before, rollback):
    """Each declared way back leads back."""
    finding = criterion.check(before, rollback)
    assert finding, finding


@pytest.mark.criterion("backup_age")
def test_backup_age(criterion, backup):
    """The backup is recent enough."""
    finding = criterion.check(backup)
    assert finding, finding


@pytest.mark.criterion("locks")
def test_locks(criterion, before, recording, waits):
    """The migration keeps no table from its readers or writers for longer than allowed."""
    finding = criterion.check(before, recording, waits)
    assert finding, finding


@pytest.mark.criterion("hazards")
def test_hazards(criterion, hazards):
    """The migration has nothing that hurts a busy database."""
    finding = criterion.check(hazards)
    assert finding, finding
