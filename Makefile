# `make` lists what can be done. Everything runs in .venv; nothing but Python >= 3.11 and make is needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARTS := libs/common libs/simulators services/intake services/emr-bridge services/notifications deploy/embedded
EDITABLE := $(foreach part,$(PARTS),-e ./$(part))
CODE := libs services deploy/embedded tests benchmarks
PIP := $(BIN)/pip install -q --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo run check fix test test-fast bench coverage schemas docs migration lock clean

##@ Use
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## Set up, then watch referrals come in and clinics be told (about two minutes)
	@$(BIN)/referral-loop demo

run: setup ## Run all services in one process until Ctrl-C (DATA=var/demo: on the demo's data)
	@exec env DATA_DIR=$(or $(DATA),var) $(BIN)/referral-loop serve

##@ Develop
setup: $(VENV)/.ready ## Make .venv with the exact versions of constraints.txt

setup-dev: $(VENV)/.ready-dev ## The same, with the tools for check and test

check: setup-dev ## Format, lint, types, import contracts, generated files: what CI checks
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m embedded.reference --check

fix: setup-dev ## Format, and repair what ruff can
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)

test: setup-dev ## Every test
	$(BIN)/pytest

test-fast: setup-dev ## Every test but those of the whole system
	$(BIN)/pytest --ignore=tests/system

bench: setup-dev ## Measure beside baselines and peers (BENCH="mllp relay" some series, OPTIONS=--quick a first look)
	$(BIN)/python -m benchmarks $(BENCH) $(if $(BENCH)$(OPTIONS),,--page) $(OPTIONS)

coverage: setup-dev ## Every test, with branch coverage
	$(BIN)/pytest --cov --cov-report=term

docs: setup-dev ## Write the generated files anew: JSON Schemas, OpenAPI, settings, state machine
	$(BIN)/python -m embedded.reference

schemas: docs

migration: setup-dev ## Draft a migration: make migration s=intake m="add a column"
	$(BIN)/python -m embedded.drafting "$(s)" "$(m)"

lock: setup-dev ## Write constraints.txt from what .venv holds now
	@{ echo "# Exact versions of everything that setup installs: \`make lock\` writes this file from the .venv that passed."; \
	  $(BIN)/pip freeze --all --exclude-editable | grep -v '^pip=='; } > constraints.txt

clean: ## Remove .venv, caches and local data
	rm -rf $(VENV) var .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: constraints.txt $(PARTS:%=%/pyproject.toml) | $(VENV)/bin/pip
	@echo "setting up .venv (once)"
	@$(PIP) setuptools wheel
	@$(PIP) --no-build-isolation $(EDITABLE)
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@
