"""Says what a rehearsal is doing while it does it."""

from __future__ import annotations

import sys

import pytest

from pytest_cutover.report.text import clean


class Progress:
    """Lines about the stages, written past pytest's capture; silent in workers and with -q."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._silent = hasattr(config, "workerinput") or config.getoption("verbose", 0) < 0
        self._live = False

    def say(self, plan: str, stage: str, text: str) -> None:
        """One line; on a terminal a passing one is written over by the next."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self._silent or reporter is None:
            return
        final = text.startswith(("ok ", "failed "))
        if not final and not sys.__stdout__.isatty():  # type: ignore[union-attr]
            return
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        line = clean(f"  {plan}: {stage} {text}")
        if capture is None:
            self._write(reporter, line, final)
        else:
            with capture.global_and_fixture_disabled():
                self._write(reporter, line, final)

    def _write(self, reporter: pytest.TerminalReporter, line: str, final: bool) -> None:
        if self._live:
            reporter.rewrite(line, erase=True)
        else:
            reporter.ensure_newline()
            reporter.write(line)
        self._live = not final
        if final:
            reporter.write("\n")
        reporter.flush()
