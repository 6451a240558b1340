# Every target does its own set-up: a virtual environment in .venv, installed once and again when pyproject.toml changes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help tune test check format bench clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "tuner needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

tune: $(READY) ## tune a committed set of real models: about two minutes, ends with the verdict
	@$(BIN)/tuner tune instances/data/unit-commitment --solver highs --cutoff 10s --budget 2m --store sqlite:///tuner.db; \
		code=$$?; [ $$code -eq 4 ] && code=0; exit $$code

test: $(READY) ## run the tests
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: $(READY) ## ruff, mypy --strict and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## let ruff format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## measure overhead, slot use, the store and the gain on the committed sets
	$(BIN)/python -m bench

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
