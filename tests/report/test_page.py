"""The page says what the result says, acts on nothing, and reads well without colour, script or eyes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pytest_cutover.report import page as page_module
from pytest_cutover.report.page import render_page, write_page

from . import pieces, samples
from .reading import Page, page

ALL = {**samples.SAMPLES, "hostile": samples.hostile, "empty": dict}
every_sample = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


@every_sample
def test_every_kind_of_result_can_be_drawn(make: Callable[[], dict[str, Any]]) -> None:
    shown = page(make())

    assert len(shown.all("main")) == 1
    assert len(shown.all("h1")) == 1


@every_sample
def test_nothing_on_the_page_can_act(make: Callable[[], dict[str, Any]]) -> None:
    """The report is passed around by mail and opened from disks: what a database holds must not run in it."""
    shown = page(make())

    assert not {element.tag for element in shown.elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "img",
    }
    for element in shown.elements:
        assert not [name for name in element.attributes if name.startswith("on")], element
        for name in ("href", "src", "xlink:href", "action"):
            target = element.attributes.get(name)
            assert target is None or target.startswith("#") or element.tag == "link", element
    assert [link.attributes["href"][:15] for link in shown.all("link")] == ["data:image/svg+"]


@every_sample
def test_a_policy_forbids_script_and_loading(make: Callable[[], dict[str, Any]]) -> None:
    """Style comes from the one sheet whose hash the policy names: an attribute of style would do nothing."""
    shown = page(make())
    policy = next(m for m in shown.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")

    rules = [rule.strip() for rule in (policy.attributes["content"] or "").split(";")]

    sheet = re.findall(r"<style>(.*?)</style>", shown.source, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in sheet]
    assert rules[:3] == ["default-src 'none'", f"style-src 'sha256-{digests[0]}'", "img-src data:"]
    assert len(digests) == 1
    assert [e for e in shown.elements if "style" in e.attributes] == []


@every_sample
def test_every_link_has_a_place_and_every_place_one_name(make: Callable[[], dict[str, Any]]) -> None:
    shown = page(make())
    ids = shown.ids

    links = [e.attributes["href"] or "" for e in shown.elements if e.tag in ("a", "use")]

    assert len(ids) == len(set(ids)), sorted(i for i in ids if ids.count(i) > 1)
    assert [link for link in links if link[1:] not in ids] == []
    labelled = [e.attributes["aria-labelledby"] or "" for e in shown.elements if "aria-labelledby" in e.attributes]
    labels = [label for each in labelled for label in each.split()]
    assert [label for label in labels if label not in ids] == []


@every_sample
def test_tables_have_a_caption_and_every_heading_a_scope(make: Callable[[], dict[str, Any]]) -> None:
    shown = page(make())

    assert len(shown.all("table")) == len(shown.all("caption"))
    assert [th for th in shown.all("th") if "scope" not in th.attributes] == []
    assert [s for s in shown.all("section") if "aria-labelledby" not in s.attributes] == []
    drawings = [svg.attributes for svg in shown.all("svg")]
    assert [
        a for a in drawings if "aria-hidden" not in a and not (a.get("role") == "img" and a.get("aria-label"))
    ] == []


@every_sample
def test_drawings_are_well_formed(make: Callable[[], dict[str, Any]]) -> None:
    drawings = re.findall(r"<svg.*?</svg>", render_page(make()), re.DOTALL)

    for drawing in drawings:
        ElementTree.fromstring(drawing)
    assert drawings


@every_sample
def test_no_character_acts_on_a_screen(make: Callable[[], dict[str, Any]]) -> None:
    source = render_page(make())

    assert [c for c in source if not c.isprintable() and c != "\n"] == []
    source.encode("utf-8")


def test_text_from_a_database_is_shown_as_it_is_written() -> None:
    shown = page(samples.hostile())

    assert "<script>alert(1)</script>" in shown.text
    assert "\\x1b[31mred\\u202eevil\\x00\\udc80" in shown.text


def test_a_go_says_so_first_with_reason_backup_and_run() -> None:
    shown = page(samples.go())

    assert shown.all("title")[0].text.strip() == "GO · vatsim_cid"
    head = shown.text.partition("Criteria that hold")[0]
    for part in ("GO", "All 21 criteria hold", "5 hours old", "20260115T081200Z-7c1e", "production runs 16"):
        assert part in head
    assert "What stops the go" not in shown.text


def test_a_no_go_shows_what_stops_it_with_evidence_before_all_else() -> None:
    shown = page(samples.no_go())

    stops = shown.text[shown.text.rindex("What stops the go") :].partition("Timeline")[0]
    assert "1,204 rows carry the cid of another flight with the same callsign." in stops
    assert "the first 8 of 1,204" in stops
    assert "88121" in stops
    assert "Found 1,204 rows" in stops
    assert "joining on the callsign alone brings the collision back" in stops
    assert "pytest 'verifications/test_values.py::test_query[vatsim_cid-cid-of-the-flight-in-its-window]'" in stops
    assert shown.text.rindex("What stops the go") < shown.text.rindex("Rows of each table")


def test_each_criterion_has_an_address() -> None:
    shown = page(samples.no_go())

    for criterion in samples.no_go()["plans"][0]["criteria"]:
        assert f"vatsim_cid-{criterion['id']}" in shown.ids


def test_a_failed_migration_shows_the_servers_words_and_counts_nothing_behind_it() -> None:
    shown = page(samples.migration_failed())

    assert 'null value in column "cid"' in shown.text
    assert "18 criteria not checked the migration did not apply" in shown.text
    assert "2 of 21 1 failed, 18 not checked" in shown.text
    assert "stopped at step 2 of 8 steps" in shown.text


def test_a_criterion_without_an_outcome_counts_as_not_checked() -> None:
    shown = page(samples.bare())

    assert "0 of 1 1 not checked" in shown.text
    assert "no outcome was recorded" in shown.text


def test_an_unknown_outcome_is_never_shown_as_passed() -> None:
    result = samples.go()
    pieces.change(result["plans"][0], "no-null-cid", outcome="great")

    shown = page(result)

    assert "20 of 21 1 not checked" in shown.text


def test_without_a_verdict_the_page_says_there_is_none() -> None:
    shown = page(samples.nothing())

    assert shown.all("title")[0].text.strip() == "NO VERDICT"
    assert "nothing that a plan depends on changed since origin/main" in shown.text


def test_a_restore_that_failed_tells_the_cause() -> None:
    shown = page(samples.restore_failed())

    assert "restore failed the dump ends without its last line" in shown.text[shown.text.rindex("What stops the go") :]
    assert "Migration" not in shown.text.partition("What stops the go")[0]


def test_an_interrupted_run_keeps_what_was_found() -> None:
    shown = page(samples.interrupted())

    assert "rerun" in shown.text
    assert "not run" in " ".join(str(svg.attributes.get("aria-label")) for svg in shown.all("svg"))
    assert "interrupted (Ctrl-C)" in shown.text


def test_of_several_plans_the_worst_comes_first() -> None:
    shown = page(samples.several())

    assert [h2.text.strip() for h2 in shown.all("h2") if h2.attributes["id"] not in ("plans", "weakened")] == [
        "Split series by league",
        "Flyway V5 and V6",
        "Add CID to flight_sector_occupancy",
    ]
    assert "plan:rally_series" in shown.ids


def test_undeclared_changes_of_the_schema_come_first_and_are_named() -> None:
    rally = page(samples.several()).after("Changes to the schema")

    assert "1 change not declared in the plan" in rally
    assert rally.index("column:players.series_id") < rally.index("column:series.league_id")


def test_rows_add_up_and_tables_without_a_change_are_counted() -> None:
    result = samples.go()
    result["plans"][0]["changes"]["flights"] = pieces.rows(1000, 990, added=5, deleted=15, changed=200)

    shown = page(result).after("Rows of each table")

    assert "flights 1,000 785 200 5 15 990" in shown
    assert "6 tables with no row changed" in shown


def test_a_table_whose_rows_were_not_compared_is_not_called_unchanged() -> None:
    result = samples.go()
    result["plans"][0]["changes"] = {"log": {"before": 7, "after": 7}}

    shown = page(result).after("Rows of each table")

    assert "log 7 unknown unknown unknown unknown 7" in shown


def test_a_waiver_shows_its_owner_and_end_and_whether_it_has_expired() -> None:
    result = samples.waived()
    result["plans"][0]["waivers"][1]["until"] = "2026-01-14"

    shown = page(result).after("Known failures that their owners accept")

    assert "orphans-bounded 61 data-platform 2026-03-31 61 controllers" in shown
    assert "2026-01-14 expired slow disk on the old build machine not used: not needed" in shown


def test_no_meaning_by_colour_alone() -> None:
    """Every outcome is also a word; the bars of rows differ in pattern and stand beside their numbers."""
    shown = page(samples.no_go())

    marks = [e for e in shown.elements if e.tag == "tr" and e.attributes.get("class") == "failed"]
    assert len(marks) == 3
    assert shown.text.count("failed: ") >= 3 + 3
    assert "fill: url(#hatch)" in shown.source and "fill: url(#dots)" in shown.source


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(scheme: str) -> None:
    """WCAG 2 asks for a contrast of 4.5 between text and what is behind it."""
    blocks = re.findall(r":root \{(.*?)\}", render_page(samples.go()), re.DOTALL)
    colours: dict[str, str] = {}
    for block in blocks if scheme == "dark" else blocks[:1]:
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))

    for ink in ("ink", "soft", "go", "nogo", "incomplete", "none", "link"):
        for ground in ("paper", "raised"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for tone in ("go", "nogo", "incomplete", "none"):
        for ink in (tone, "ink", "soft"):
            assert contrast(colours[ink], colours[f"{tone}-wash"]) >= 4.5, (ink, tone)


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_ten_thousand_criteria_stay_small_and_quick() -> None:
    result = samples.large(10_000)

    begun = time.perf_counter()
    shown = render_page(result)
    seconds = time.perf_counter() - begun

    assert len(shown.encode()) < 3_000_000
    assert seconds < 10
    parsed = Page(shown)
    assert all(f"vatsim_cid-no-null-{n:05d}" in set(parsed.ids) for n in (0, 7, 9999))
    assert "10,009 of 10,021" in parsed.text


def test_ten_thousand_failures_stay_small() -> None:
    result = samples.large(10_000, failed=1_400)

    shown = render_page(result)

    assert len(shown.encode()) < 3_000_000
    assert f"{1_400 - page_module.CARDS:,} more failed" in shown


def test_a_page_that_cannot_be_drawn_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "report.html"
    write_page(samples.go(), path)
    before = path.read_bytes()
    monkeypatch.setattr(page_module.os, "replace", _full)

    with pytest.raises(OSError, match="no space"):
        write_page(samples.no_go(), path)

    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]


def _full(*_: object) -> None:
    raise OSError("no space left")


def test_the_written_page_is_the_drawn_one_and_can_be_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "report.html"

    write_page(samples.go(), path)

    assert path.read_text(encoding="utf-8") == render_page(samples.go())
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@every_sample
def test_samples_are_what_a_file_can_hold(make: Callable[[], dict[str, Any]]) -> None:
    result = make()

    assert json.loads(json.dumps(result)) == result
