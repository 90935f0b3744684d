"""Makes this folder a rehearsal: gives the options of pytest-cutover their short names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cutover.plugin.options import add_short_options

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --plan, --sandbox, … beside --cutover-plan, --cutover-sandbox, …"""
    add_short_options(parser)
