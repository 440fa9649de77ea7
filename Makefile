# What a newcomer types. Everything is put into .venv and build/, and nothing outside of the repository.
#
#   make demo ARGS="--help"      what the demo can do
#   make test ARGS="test/core"   a part of the suite
#   make test JOBS=0             one test after the other, in one process
#   make PYTHON=python3.12 ...   another Python, 3.10 or newer
#   make DISTRO=kilted ...       another ROS 2 release than jazzy, in .venv-kilted

PYTHON ?= python3
ARGS ?=
JOBS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
DISTRO ?= $(FALLBACK_GUARD_DISTRO)
export FALLBACK_GUARD_DISTRO := $(DISTRO)
ENVIRONMENT := $(PYTHON) build_tools/environment.py
BIN := .venv$(addprefix -,$(filter-out jazzy,$(DISTRO)))/bin
# The tests of a file stay in one process: they share what takes long to start.
PYTEST = $(BIN)/pytest --numprocesses $(JOBS) --dist loadfile
TYPED := fallback_guard test bench build_tools setup.py

.PHONY: help demo test check bench build clean

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: ## Watch the guard at work: simulated pickers and a real LLM on this machine. ARGS="--help" tells more
	@$(ENVIRONMENT) --demo
	@$(BIN)/fallback-guard demo $(ARGS)

test: ## Run the whole suite. ARGS go to pytest
	@$(ENVIRONMENT) --demo --test
	@$(PYTEST) $(ARGS)

check: ## Style, types and the pure core's tests, in under a minute
	@$(ENVIRONMENT) --test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(wildcard $(TYPED))
	$(PYTEST) -q test/core

bench: ## Measure the validation beside its peers, its worst payload, and large maps
	@$(ENVIRONMENT) --test
	@missed=0; for program in validation large_maps worst_payload; do \
	  $(BIN)/python bench/$$program.py $(ARGS) || missed=1; done; exit $$missed

build: ## Build the wheel, into build/wheel, and install it into .venv
	@$(ENVIRONMENT)
	@ls build/wheel$(addprefix -,$(filter-out jazzy,$(DISTRO)))/*.whl

clean: ## Remove .venv and everything that was built
	rm -rf .venv .venv-* build dist install log *.egg-info
