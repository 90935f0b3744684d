"""The criterion kinds, one module each; importing this package fills `KINDS`."""

from __future__ import annotations

import importlib
import pkgutil

from pytest_cutover.criteria.base import KINDS, Example, Kind

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["KINDS", "Example", "Kind"]
