# Works from any directory: make -C /path/to/checkout run
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?=
BIN := $(ROOT)/.venv/bin
READY := $(ROOT)/.venv/.ready
CONFIG ?= configs/complete_journey.yaml
ARGS ?=
WORKERS ?= 2
TYPED := schemas reporting model serving public_data components pipeline experiments cli benchmarks setup.py

export TF_USE_LEGACY_KERAS := 1
export TF_CPP_MIN_LOG_LEVEL ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup run test test-modern test-fast lint format lock clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(lastword $(MAKEFILE_LIST))

setup: $(READY) ## create .venv with the packages that fit this machine: PYTHON=/path to choose

$(READY): $(wildcard $(ROOT)/requirements/*) $(ROOT)/setup.py
	@sh $(ROOT)/requirements/setup.sh $(PYTHON)
	@touch $@

run: $(READY) ## run the pipeline: CONFIG=configs/x.yaml ARGS="--set training.epochs=1"
	@cd $(ROOT) && $(BIN)/dspnet run --config $(CONFIG) $(ARGS)

test: $(READY) ## run all tests: WORKERS=2 at a time
	@cd $(ROOT) && $(BIN)/python -m pytest -q --durations=10 -n $(WORKERS) $(ARGS)

test-modern: export WORKERS := $(WORKERS)
test-modern: export ARGS := $(ARGS)
test-modern: ## run all tests and the pipeline on the modern line, in a root of Debian 13 if this machine is older
	@sh $(ROOT)/requirements/test_modern.sh

test-fast: $(READY) ## run the quick tests of the model alone
	@cd $(ROOT) && $(BIN)/python -m pytest -q -m "not slow" tests/model $(ARGS)

lint: $(READY) ## check style and types
	@cd $(ROOT) && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy $(TYPED)

format: $(READY) ## format the code
	@cd $(ROOT) && $(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(READY) ## resolve the locks in requirements/ anew from setup.py
	@sh $(ROOT)/requirements/lock.sh

clean: ## remove the virtual environment and all results
	rm -rf $(ROOT)/.venv $(ROOT)/.modern $(ROOT)/runs $(ROOT)/data
