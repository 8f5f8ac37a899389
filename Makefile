# Everything runs in .venv, made here from pinned versions. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
KEPT_WHEELS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/llmri/wheels
WHEELS := build/wheels

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench pictures pocket clean

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1  \2/p' $(MAKEFILE_LIST)

demo: $(READY) ## serve the bundled model, talk to it, ablate a skill; leaves pictures in demo-out/
	$(BIN)/llmri demo --out demo-out

test: $(READY) screen ## run every test
	$(BIN)/pytest

check: $(READY) ## lint, types, import rules, the wheel's contents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	rm -rf $(WHEELS)
	$(BIN)/python -m build --wheel --no-isolation --outdir $(WHEELS) . >/dev/null
	$(BIN)/check-wheel-contents $(WHEELS)

format: $(READY) ## put the code into house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure everything, as ratios; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks

pictures: $(READY) ## remake the pictures of the viewer that tests compare and documents show
	$(BIN)/python -m tests.golden.viewer.pictures
	$(BIN)/python -m tests.golden.viewer.sessions
	$(BIN)/python -m tests.golden.viewer.guide

pocket: $(READY) ## train the bundled model anew (resumable; most of an hour on two cores)
	$(BIN)/python -m llmri_server.pocket.train --out server/llmri_server/pocket/weights

clean: ## remove what the targets made
	rm -rf .venv build dist demo-out experiment-out

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "LLMRI needs Python 3.11 or later; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch hatchling editables
	@# llama.cpp is compiled from source, about three minutes on two cores; its wheel is kept for the next .venv.
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check -c constraints.txt --no-deps \
	  --find-links $(KEPT_WHEELS) --wheel-dir $(KEPT_WHEELS) llama-cpp-python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation \
	  --find-links $(KEPT_WHEELS) -e '.[dev]'
	touch $(READY)

# The tests of the real window bring their own screen; without these two programs they skip and say so.
.PHONY: screen
screen:
	@if ! command -v Xvfb >/dev/null || ! command -v xdotool >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -qq -y xvfb xdotool >/dev/null; \
	  else echo "For the tests of the real window: sudo apt-get install xvfb xdotool"; fi; fi
