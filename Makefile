# What a person or a CI job does here. `make` alone prints the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test verify check format bench simulate crash bugs mutate browser firefox lock clean

PYTHON ?= python3
KILLS ?= 200
BIN := .venv/bin
TEMPLATES := $(shell find templates themes -name '*.html' -print -quit 2>/dev/null)

help: ## Print these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## Set up .venv with all that demo, tests and checks need
	@:

.venv/.ready: pyproject.toml requirements.lock .ci/setup
	@PYTHON=$(PYTHON) .ci/setup

demo: setup ## Run the whole system with demo data on http://127.0.0.1:5000 (ARGS="--port 5001 --reset")
	@exec $(BIN)/portal demo $(ARGS)

# They start many processes, each of which would compile the portal anew.
test: export PYTHONDONTWRITEBYTECODE =
test: setup browser ## Run all tests on both databases, a browser included (ARGS="tests/unit -k money")
	$(BIN)/pytest $(ARGS)

verify: export TESTS_LONG = 1
verify: firefox check test ## Run all tests and the long proofs beside them: simulator, kills, seeded bugs (under 45 minutes)
	@$(MAKE) --no-print-directory simulate SEEDS=10000
	@TESTS_LONG= $(MAKE) --no-print-directory crash KILLS=200
	@TESTS_LONG= $(MAKE) --no-print-directory bugs

browser: setup # Find a Chromium for the tests, or install one
	@$(BIN)/python -m tests.support.chromium

firefox: setup # Find a Firefox for the long tests, or install one
	@$(BIN)/python -m tests.support.firefox

check: setup ## Check format, lint, types, import rules, templates, translations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(if $(TEMPLATES),$(BIN)/djlint --lint --quiet templates themes)
	$(BIN)/python -m portal.rendering.catalogues check

format: setup ## Put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure speed, as ratios to a bare page in the same run
	$(BIN)/python -m tests.bench $(ARGS)

simulate: setup ## Pay under simulated crashes, losses and delays (SEEDS=10000 FIRST=1)
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),500) --first $(or $(FIRST),1)

crash: setup ## Kill servers under load KILLS=200 times, and compare both ledgers (ARGS="--state kills.json" goes on)
	@$(BIN)/python -m tests.crash --kills $(KILLS) $(ARGS)

bugs: setup ## Take one safeguard away at a time: the suite must turn red (ARGS="--only credit")
	@$(BIN)/python -m tests.bugs $(ARGS)

mutate: setup ## Make small faults in the rules of money and see that a test finds each (ARGS="--file portal/money.py")
	$(BIN)/python -m tests.mutation $(ARGS)

lock: setup # Write the versions in use to requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable --exclude uv > requirements.lock

clean: # Throw away what was made, the demo's data excepted
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis test-results dist
