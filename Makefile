# Everything runs in .venv, made here from locks with hashes. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
GGUF := .venv/ready-gguf
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := --require-hashes --no-deps --requirement
LLAMA := $(shell sed -nE 's/^llama-cpp-python==([0-9.]+).*/\1/p' requirements/llama.txt)
# Compiled for this processor, so kept by its features: a home folder may move to another machine.
FEATURES := $(shell grep -m1 -E '^(flags|Features)' /proc/cpuinfo 2>/dev/null | cksum | cut -d' ' -f1)
KEPT_WHEELS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/llmri/wheels/$(FEATURES)
# Without AMX: virtual machines announce it and then fault at its first use.
NO_AMX := $(if $(filter x86_64,$(shell uname -m)),-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
WHEELS := build/wheels

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench pictures pocket lock clean

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1  \2/p' $(MAKEFILE_LIST)

demo: $(READY) ## serve the bundled model, talk to it, ablate a skill; leaves pictures in demo-out/
	$(BIN)/llmri demo --out demo-out

test: $(GGUF) screen ## run every test
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

bench: $(GGUF) ## measure everything, as ratios; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks

pictures: $(GGUF) ## remake the pictures of the viewer that tests compare and documents show
	$(BIN)/python -m tests.golden.viewer.pictures
	$(BIN)/python -m tests.golden.viewer.sessions
	$(BIN)/python -m tests.golden.viewer.guide

pocket: $(READY) ## train the bundled model anew (resumable; most of an hour on two cores)
	$(BIN)/python -m llmri_server.pocket.train --out server/llmri_server/pocket/weights

lock: ## make the locks of requirements/ anew (needs uv)
	$(PYTHON) requirements/lock.py

clean: ## remove what the targets made
	rm -rf .venv build dist demo-out experiment-out

$(READY): pyproject.toml requirements/locked.txt requirements/torch.txt requirements/torch-cpu.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "LLMRI needs Python 3.11 or later; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing into .venv, from requirements/locked.txt; the downloads may take some minutes ..."
	@$(PYTHON) -m venv .venv
	$(PIP) install $(LOCKED) requirements/locked.txt
	@# A build of torch without CUDA where pip is pointed to one (its find-links), else the index's own.
	@$(PIP) install --no-index $(LOCKED) requirements/torch-cpu.txt 2>/dev/null || { \
	  $(PIP) install $(LOCKED) requirements/torch.txt && \
	  if $(BIN)/python -c 'import importlib.metadata as m; exit("nvidia" not in str(m.requires("torch")))'; then \
	    echo "This build of torch wants CUDA's libraries: a few gigabytes more ..."; \
	    $(PIP) install $(LOCKED) requirements/cuda.txt; fi; }
	$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PIP) check
	@touch $(READY)

# llama.cpp is compiled from source; its wheel is kept for the next .venv.
$(GGUF): $(READY) requirements/llama.txt requirements/llama-build.txt
	@ls $(KEPT_WHEELS)/llama_cpp_python-$(LLAMA)-*.whl >/dev/null 2>&1 || { \
	  command -v c++ >/dev/null || { echo "llama.cpp needs a C++ compiler; on Debian: apt-get install g++"; exit 1; }; \
	  echo "Compiling llama.cpp $(LLAMA), once a machine: about three minutes on two cores ..."; \
	  $(PIP) install $(LOCKED) requirements/llama-build.txt && \
	  CMAKE_ARGS="$$CMAKE_ARGS -DCMAKE_C_FLAGS='$(NO_AMX)' -DCMAKE_CXX_FLAGS='$(NO_AMX)'" \
	  $(PIP) wheel --no-cache-dir --no-build-isolation --no-binary llama-cpp-python --wheel-dir $(KEPT_WHEELS) \
	    $(LOCKED) requirements/llama.txt; }
	$(PIP) install --no-deps --no-index --force-reinstall $(KEPT_WHEELS)/llama_cpp_python-$(LLAMA)-*.whl
	@touch $(GGUF)

# The tests of the real window bring their own screen; without these two programs they skip and say so.
.PHONY: screen
screen:
	@if ! command -v Xvfb >/dev/null || ! command -v xdotool >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -qq -y xvfb xdotool >/dev/null; \
	  else echo "For the tests of the real window: sudo apt-get install xvfb xdotool"; fi; fi
