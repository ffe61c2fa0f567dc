# Works from any directory: make -C /path/to/checkout run
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
BIN := $(ROOT)/.venv/bin
READY := $(ROOT)/.venv/.ready
CONFIG ?= configs/complete_journey.yaml
ARGS ?=
WORKERS ?= 2
TYPED := schemas reporting model serving public_data components pipeline experiments cli benchmarks setup.py

export TF_USE_LEGACY_KERAS := 1
export TF_CPP_MIN_LOG_LEVEL ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast lint format lock clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(lastword $(MAKEFILE_LIST))

setup: $(READY) ## create .venv with the locked requirements

$(READY): $(ROOT)/requirements.txt $(ROOT)/setup.py
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "DSPnet needs Python 3.11, found: $$("$(PYTHON)" --version 2>&1 || echo none)." >&2; \
	  echo "Name one: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(ROOT)/.venv
	@echo "Installing the locked requirements into .venv (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps -r $(ROOT)/requirements.txt
	@cd $(ROOT) && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY) ## run the pipeline: CONFIG=configs/x.yaml ARGS="--set training.epochs=1"
	@cd $(ROOT) && $(BIN)/dspnet run --config $(CONFIG) $(ARGS)

test: $(READY) ## run all tests: WORKERS=2 at a time
	@cd $(ROOT) && $(BIN)/python -m pytest -q --durations=10 -n $(WORKERS) $(ARGS)

test-fast: $(READY) ## run the quick tests of the model alone
	@cd $(ROOT) && $(BIN)/python -m pytest -q -m "not slow" tests/model $(ARGS)

lint: $(READY) ## check style and types
	@cd $(ROOT) && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy $(TYPED)

format: $(READY) ## format the code
	@cd $(ROOT) && $(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(READY) ## compile requirements.txt anew from setup.py
	@cd $(ROOT) && $(BIN)/uv pip compile --quiet setup.py --all-extras --python-version 3.11 --no-header --no-annotate \
	  --output-file requirements.txt
	@sed -i '1i # Every package with its version. Made from setup.py by `make lock`; installed by `make setup`.' \
	  $(ROOT)/requirements.txt

clean: ## remove the virtual environment and all results
	rm -rf $(ROOT)/.venv $(ROOT)/runs $(ROOT)/data
