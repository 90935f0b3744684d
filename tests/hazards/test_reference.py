"""The page on the hazards."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from pytest_cutover.hazards import HAZARDS
from pytest_cutover.hazards.reference import render_hazards


def test_the_committed_page_is_what_the_hazards_say() -> None:
    """Run `make docs` where this fails."""
    page = Path(__file__).parents[2] / "docs" / "hazards.md"

    assert page.read_text(encoding="utf-8") == render_hazards()


def test_every_hazard_has_its_words() -> None:
    """Somebody reads them at night, and must know what to do."""
    for name, hazard in HAZARDS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", name)
        assert (inspect.getdoc(hazard) or "").split("\n")[0].endswith(".")
        assert len(hazard.HURTS) > 40 and len(hazard.SAFER) > 40
