# What one types to work on everfold. `make` alone prints the list.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
STORM_EVENTS ?= 100000

BIN := $(VENV)/bin
RUN := $(BIN)/python
# A venv that can develop can also run the demo, so it is not set up twice.
DEMO := $(firstword $(wildcard $(VENV)/.ready-dev) $(VENV)/.ready-demo)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format twins mutants bench soak clean

help: ## print this list
	@echo "everfold: make TARGET [PYTHON=python3.12] [ARGS='-k append']"
	@echo
	@awk -F ': .*## |: ## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.ready-dev ## make .venv with everything that development needs (once)

demo: $(DEMO) ## real flights into SQLite, and what an event store is for
	@$(RUN) -m examples.flights demo $(ARGS)

test: lint ## everything that must pass: lint, then every test, on a real PostgreSQL too
	@$(RUN) -m pytest $(ARGS)

lint: setup ## style, types, twins and layers, without running a test
	@$(RUN) tools/lint.py

format: setup ## rewrite the code as the formatter has it
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(RUN) tools/unasync.py

twins: setup ## write the sync twin of every *_async.py
	@$(RUN) tools/unasync.py

mutants: setup ## every mutant of the table must be caught by its tests
	@$(RUN) tools/mutants.py $(ARGS)

bench: $(VENV)/.ready-bench ## measure, beside the raw drivers and the peers
	@$(RUN) -m bench $(ARGS)

soak: setup ## the storm and property tests, far longer (STORM_EVENTS=100000)
	@EVERFOLD_STORM_EVENTS=$(STORM_EVENTS) $(RUN) tools/soak.py $(ARGS)

clean: ## delete .venv, caches and builds
	@rm -rf $(VENV) build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no '$(PYTHON)'. Name a Python: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "everfold needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# The demo needs what a user installs, and any pip can do that.
$(VENV)/.ready-demo: pyproject.toml | $(RUN)
	@echo "Setting up $(VENV) (once, some seconds) ..."
	@$(RUN) -m pip install --quiet --quiet --editable '.[cli]'
	@touch $@

# Dependency groups need pip 25.1; the one that came with Python is often older.
$(VENV)/.ready-dev: pyproject.toml | $(RUN)
	@echo "Setting up $(VENV) for development (once, a minute or two) ..."
	@$(RUN) -m pip install --quiet --quiet --upgrade 'pip>=25.1'
	@$(RUN) -m pip install --quiet --quiet --editable . --group dev
	@touch $@

$(VENV)/.ready-bench: $(VENV)/.ready-dev
	@echo "Adding the peers that are measured beside everfold ..."
	@$(RUN) -m pip install --quiet --quiet --editable . --group bench
	@touch $@
