"""Does the README lead to every page, command and option that there is?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_cutover.cli import _parser
from pytest_cutover.plugin.options import _OPTIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(ROOT.joinpath("docs").glob("*.md"))
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_readme_links_every_page(page: Path) -> None:
    assert f"docs/{page.name}" in LINK.findall(README)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_the_readme_names_every_command() -> None:
    commands = re.findall(r"^    ([a-z-]+)(?: |$)", _parser().format_help(), re.MULTILINE)
    assert "sign-off" in commands
    linked = README + "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [command for command in commands if f"cutover {command}" not in linked] == []


@pytest.mark.parametrize("option", _OPTIONS)
def test_the_readme_names_every_option(option: str) -> None:
    assert re.search(rf"--{option}(?![\w-])", README)
