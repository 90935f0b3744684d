# make rehearse: sets up and rehearses every plan. make test: sets up and runs the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready

.PHONY: help setup rehearse test lint docs benchmarks clean

help:
	@echo "make rehearse    set up, rehearse every plan: GO or NO-GO, and reports/report.html"
	@echo "make test        set up, run the tests of the engine"
	@echo "make lint        ruff and mypy"
	@echo "make docs        write the generated pages of docs/ anew"
	@echo "make benchmarks  run the benchmarks and print their ratios"
	@echo "make clean       remove the virtual environment and the reports"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "$(PYTHON) is older than Python 3.10; name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "this Python cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt --editable '.[test]'
	@touch $@

rehearse: $(STAMP)
	@$(BIN)/python -m pytest

# Where Python may write no bytecode, each run that a test starts would compile the engine and pytest's plugins anew.
test: $(STAMP)
	@$(BIN)/python -m compileall -q src
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --version --version > /dev/null
	@$(BIN)/python -m pytest tests -n 2 --dist loadfile

lint: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP)
	$(BIN)/cutover kinds --markdown > docs/kinds.md
	$(BIN)/python -m pytest_cutover.plan.reference > docs/plan.md
	$(BIN)/python -m pytest_cutover.hazards.reference > docs/hazards.md
	$(BIN)/python tests/variants/table.py > docs/variants.md

benchmarks: $(STAMP)
	@for each in benchmarks/[a-z]*.py; do echo "== $$each"; $(BIN)/python $$each || exit 1; done

clean:
	rm -rf $(VENV) reports/*.html reports/*.json reports/summary.md reports/deployment.md reports/screenshots
