"""The drawings say in words what they show."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from pytest_cutover.report.timeline import Bar, bars, closed_rows, ledger_bar, timeline, waits

from . import pieces


def test_bars_follow_one_another() -> None:
    found = bars(pieces.stages(2.0, 0.5, 1.0))

    assert [(bar.label, bar.start) for bar in found][:4] == [
        ("restore", 0.0), ("baseline", 2.0), ("migrate", 2.5), ("verify", 3.5),
    ]  # fmt: skip


def test_without_bars_there_is_no_drawing() -> None:
    assert timeline([], "Stages") == ""
    assert ledger_bar([("kept", 0)]) == ""


@pytest.mark.parametrize(
    ("bar", "words"),
    [
        (Bar("a", 0, 0.25), "250 ms"),
        (Bar("a", 0, 0.25, budget=0.5), "250 ms of 500 ms"),
        (Bar("a", 0, 0.75, budget=0.5), "750 ms of 500 ms · over budget"),
        (Bar("a", 0, 0.25, "failed"), "250 ms · failed"),
        (Bar("a", 0, 0.0, "not_run"), "not run"),
    ],
)
def test_time_outcome_and_budget_are_words_too(bar: Bar, words: str) -> None:
    drawing = ElementTree.fromstring(timeline([bar], "Steps"))

    assert drawing.get("aria-label") == f"Steps: a: {words}"
    assert words in [text.text for text in drawing.iter("text")]


@pytest.mark.parametrize("seconds", [0.0, 1e-7, 0.004, 1.0, 59.0, 7200.0, 400_000.0])
def test_bars_and_ticks_stay_inside(seconds: float) -> None:
    drawing = ElementTree.fromstring(timeline([Bar("a", 0, seconds), Bar("b", seconds, seconds / 3)], "Steps"))

    for shape in drawing.iter("rect"):
        x, width = (float((shape.get(name) or "").rstrip("%")) for name in ("x", "width"))
        assert 0 <= x and x + width <= 100.02
    ticks = [float((line.get("x1") or "").rstrip("%")) for line in drawing.iter("line")]
    assert ticks == sorted(ticks) and ticks[-1] <= 100 and 1 <= len(ticks) <= 6


def test_a_bar_over_its_budget_marks_where_the_budget_ends() -> None:
    drawing = ElementTree.fromstring(timeline([Bar("a", 0, 2.0, budget=0.5)], "Steps"))

    assert [line.get("x1") for line in drawing.iter("line") if line.get("class") == "budget"] == ["25%"]


def test_few_rows_among_many_can_be_seen() -> None:
    drawing = ElementTree.fromstring(ledger_bar([("kept", 1_000_000), ("changed", 3), ("added", 0), ("deleted", 1)]))

    shapes = list(drawing)
    assert [shape.get("class") for shape in shapes] == ["kept", "changed", "deleted"]
    widths = [float((shape.get("width") or "").rstrip("%")) for shape in shapes]
    assert min(widths) > 1.4 and sum(widths) == pytest.approx(100, abs=0.1)


def test_waits_stand_where_they_happened_below_the_migration() -> None:
    told = [pieces.wait("read", 0.0, 0.0), pieces.wait("write", 0.9, 0.1) | {"tries": 0}]

    found = waits(told, [{"seconds": 1.5}, {"seconds": 0.5}])

    assert [(bar.label, bar.start, bar.words) for bar in found] == [
        ("the migration", 0.0, "2.00 s"),
        (f"{pieces.TABLE}: readers", 0.0, "0 ms"),
        (f"{pieces.TABLE}: writers", 0.1, "not measured"),
    ]
    assert waits([], [{"seconds": 1.5}]) == []


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, ""), (0.0, ""), (0.001, "1% of the rows at once"), (0.984, "98% of the rows at once"),
        (1.0, "100% of the rows at once"), (float("nan"), ""), (7.0, ""), ("most", ""),
    ],
)  # fmt: skip
def test_how_many_rows_were_closed_at_once_is_told_where_any_was(share: object, words: str) -> None:
    assert closed_rows({"share": share}) == words
