"""The page docs/kinds.md is what the kinds say of themselves."""

from __future__ import annotations

from pathlib import Path

from pytest_cutover.criteria import KINDS
from pytest_cutover.criteria.reference import GROUPS, render_kind, render_list, render_reference

PAGE = Path(__file__).parents[2] / "docs" / "kinds.md"


def test_the_page_is_up_to_date() -> None:
    """A key that changed without its documentation is found here; `make docs` writes the page."""
    assert PAGE.read_text(encoding="utf-8") == render_reference()


def test_the_page_has_every_kind_and_every_key() -> None:
    """A kind of a group that the page does not know would be left out silently."""
    page = render_reference()

    assert {kind.GROUP for kind in KINDS.values()} <= set(GROUPS)
    for name, kind in KINDS.items():
        section = page.split(f"### `{name}`\n")[1].split("\n### ")[0]
        for key, field in kind.model_fields.items():
            if not kind.IMPLICIT and key not in ("id", "kind", "why", "source", "phases", "budget"):
                assert f"| `{field.alias or key}`" in section


def test_the_list_has_one_line_per_kind() -> None:
    """`cutover kinds` prints what is true when each holds."""
    lines = [line.strip() for line in render_list().splitlines()]

    for name in KINDS:
        assert sum(line.startswith(f"{name} ") for line in lines) == 1


def test_one_kind_shows_its_example() -> None:
    """`cutover kinds not_null` prints its section."""
    text = render_kind(KINDS["not_null"])

    assert text.startswith("### `not_null`")
    assert 'kind = "not_null"' in text
    assert "1 of 2 rows of flights has NULL in cid" in text


def test_kinds_that_write_say_so() -> None:
    """Nobody should look for `accepts` in a live run."""
    assert "rehearsal only" in render_kind(KINDS["accepts"])
    assert "rehearsal only" not in render_kind(KINDS["query"])
