# Bare `make` lists what can be made. Every target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DATASETS ?= ../shared/datasets
# compiled once, not by each of some hundred processes
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help report test lab check audit sbom kills fuzz worlds lint type bench sample train lock format clean

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, found {sys.version.split()[0]}. Set PYTHON=python3.11.")'
	@echo "Setting up $(VENV) from requirements.lock (two to four minutes, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

data/demo/truth.json: | $(READY)
	@$(BIN)/perception demo

report: $(READY) data/demo/truth.json  ## set up, make the demo data if absent, build the leadership PDF of the last complete month
	@$(BIN)/perception report leadership

test: $(READY)  ## set up and run all tests, a process per core
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lab: $(READY) data/demo/truth.json  ## open the notebooks in JupyterLab, where to begin first
	@$(BIN)/jupyter lab notebooks/start_here.ipynb

lint: $(READY)  ## style, import order of the rooms, stripped notebooks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/nbstripout --verify notebooks/*.ipynb

type: $(READY)  ## static types
	@$(BIN)/mypy

check: lint type test audit  ## lint, types, tests and the audit of dependencies

audit: $(READY)  ## look for known faults in the pinned dependencies (skipped, with the reason, where their list cannot be read)
	@if $(BIN)/python -c 'import urllib.request as u; u.urlopen("https://pypi.org/pypi/pip/24.0/json", timeout=10)' 2>/dev/null; \
	then $(BIN)/pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off; \
	else echo "audit skipped: the list of known faults (pypi.org/pypi/<name>/<version>/json) cannot be read from here"; fi

sbom: $(READY)  ## write build/sbom.json, a CycloneDX list of every pinned dependency with its hashes
	@$(BIN)/python tests/sbom.py

kills: $(READY)  ## kill the runner or its kernel 200 times, and run two reports at once ten times: what is published stays whole (20 minutes)
	@PERCEPTION_KILLS=200 PERCEPTION_PAIRS=10 $(BIN)/python -m pytest -s tests/publish/test_faults.py -k "kill or at_once"

fuzz: $(READY)  ## try whatever a file may hold on start, check and the readers, forty times harder than the tests (half an hour)
	@PERCEPTION_FUZZ=40 $(BIN)/python -m pytest -m fuzz tests --numprocesses auto --maxprocesses 4

worlds: $(READY)  ## judge the reports of 300 operations whose truth is known, and renew the table of METHODS (half an hour)
	@$(BIN)/python -m tests.worlds --methods

bench: $(READY)  ## measure speed and memory, each beside a peer or a floor
	@$(BIN)/python tests/bench.py

sample: $(READY)  ## renew the sample report and the README's picture from the demo
	@$(BIN)/python tests/sample.py

train: $(READY)  ## retrain the shipped text models and write their cards (needs DATASETS and about an hour)
	@$(BIN)/python -m venv .venv-train
	@.venv-train/bin/pip install --quiet -e '.[train]'
	@.venv-train/bin/python -m analytics.training.train --datasets $(DATASETS)
	@$(BIN)/python -m analytics.training.heads --datasets $(DATASETS)
	@$(BIN)/python -m analytics.training.read_sets --datasets $(DATASETS)
	@$(BIN)/python -m analytics.training.cards --datasets $(DATASETS)

lock:  ## pin every dependency with hashes (needs uv)
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --quiet \
	  --custom-compile-command "make lock" -o requirements.lock

format: $(READY)  ## format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean:  ## remove what was generated, reports and caches included; labels and the environment stay
	@rm -rf data/demo data/derived/quarantine data/derived/scores build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find reports -mindepth 1 -maxdepth 1 ! -name sample -exec rm -rf {} +
	@find . -name __pycache__ -not -path './$(VENV)*' -prune -exec rm -rf {} +
