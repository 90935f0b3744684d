"""What the monitor found is kept, and shown by day."""

from __future__ import annotations

from pathlib import Path

from pytest_cutover.live.history import append_run, by_day


def part(verdict: str, **outcomes: str) -> dict[str, object]:
    criteria = [
        {"id": name, "outcome": outcome, "actual": "1", "seconds": 0.1, "evidence": [{"rows": [["secret"]]}]}
        for name, outcome in outcomes.items()
    ]
    return {"verdict": verdict, "criteria": criteria}


def test_each_day_has_its_worst_verdict_and_what_did_not_hold(tmp_path: Path) -> None:
    """A failure at noon is not forgotten because the evening was fine."""
    path = tmp_path / "first.production.history.jsonl"
    append_run(path, "2026-01-15T12:00:00Z", part("NO-GO", filled="failed", rows="passed"))
    append_run(path, "2026-01-15T20:00:00Z", part("GO", filled="passed", rows="passed"))
    append_run(path, "2026-01-16T12:00:00Z", part("INCOMPLETE", filled="not_checked", rows="passed"))
    append_run(path, "2026-01-17T12:00:00Z", part("GO", filled="passed", rows="passed"))

    assert by_day(path) == [
        {"day": "2026-01-17", "runs": 1, "verdict": "GO", "failed": [], "not_checked": []},
        {"day": "2026-01-16", "runs": 1, "verdict": "INCOMPLETE", "failed": [], "not_checked": ["filled"]},
        {"day": "2026-01-15", "runs": 2, "verdict": "NO-GO", "failed": ["filled"], "not_checked": []},
    ]
    assert "secret" not in path.read_text(encoding="utf-8")


def test_a_line_that_cannot_be_read_is_no_go(tmp_path: Path) -> None:
    """What is not known counts as not checked."""
    path = tmp_path / "h.jsonl"
    append_run(path, "2026-01-15T12:00:00Z", part("GO", filled="passed"))
    path.write_text(path.read_text(encoding="utf-8") + '{"started": "2026-01-16', encoding="utf-8")

    assert [(each["day"], each["verdict"]) for each in by_day(path)] == [
        ("unreadable", "INCOMPLETE"),
        ("2026-01-15", "GO"),
    ]


def test_without_a_history_there_is_none(tmp_path: Path) -> None:
    assert by_day(tmp_path / "nothing.jsonl") == []
