"""Reports in a real browser: the Chromium of the system, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, Page, sync_playwright

from pytest_cutover.report.page import render_page

REPOSITORY = Path(__file__).parents[2]
SCREENSHOTS = Path(os.environ.get("CUTOVER_SCREENSHOTS") or REPOSITORY / "reports" / "screenshots")
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the system; the test is skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: install it (on Debian: apt-get install chromium)")
    _need_driver()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        try:
            yield browser
        finally:
            browser.close()


def _need_driver() -> None:
    """Skips the test where the program that drives the browser does not start, with what it says."""
    node, _ = compute_driver_executable()
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        missing = done.stderr.strip().splitlines()[-1:]
        pytest.skip(f"Playwright's driver does not start (on Debian: apt-get install libatomic1): {''.join(missing)}")


@dataclass
class Shown:
    """A page in a tab, and what the browser had to say about it."""

    tab: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def keep(self, name: str) -> Path:
        """Writes a picture of the whole page, for people: CI keeps the folder."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.tab.screenshot(path=path, full_page=True)
        return path


class Desk:
    """Opens results as reports, each in a window of its own, until the test ends."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser, self._folder, self._windows = browser, folder, list[Any]()

    def show(
        self, result: dict[str, Any] | str, *, at: str = "", width: int = 1280, height: int = 800, **window: Any
    ) -> Shown:
        """The report of the result (or a page as it is), at the address `#at`."""
        source = result if isinstance(result, str) else render_page(result)
        path = self._folder / f"{len(self._windows)}.html"
        path.write_text(source, encoding="utf-8")
        return self.open(path, at=at, width=width, height=height, **window)

    def open(self, path: Path, *, at: str = "", width: int = 1280, height: int = 800, **window: Any) -> Shown:
        """A file as it lies on the disk."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, **window)
        self._windows.append(context)
        shown = Shown(context.new_page())
        shown.tab.on("console", lambda message: shown.said.append(message.text))
        shown.tab.on("pageerror", lambda error: shown.said.append(str(error)))
        shown.tab.on("dialog", lambda dialog: (shown.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        shown.tab.on("request", lambda request: shown.asked.append(request.url))
        shown.tab.goto(path.as_uri() + (f"#{at}" if at else ""))
        return shown

    def close(self) -> None:
        for window in self._windows:
            window.close()
