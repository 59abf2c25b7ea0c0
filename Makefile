# The one list of verbs. All set-up happens by itself, inside this folder: .venv/ for Python, target/ for Rust.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml 2>/dev/null)
JOBS ?= 2

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME CONDA_PREFIX

.PHONY: help demo test test-long lint typing bench docs wheel clean
.DEFAULT_GOAL := help

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.built  ## a year of real flights: first build, nothing to do, a change, a tampered state and its repair
	@$(BIN)/python examples/demo.py

test: lint  ## all checks and all tests, except the ones that take minutes
	cargo test --quiet --workspace --exclude riverrun-py
	$(BIN)/python -m pytest -q -n $(JOBS)

test-long: $(VENV)/.built  ## the tests that take minutes
	$(BIN)/python -m pytest -q -n $(JOBS) -m long

lint: typing  ## style, types, layers; Python and Rust
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/lint-imports --no-cache > $(VENV)/layers.txt || { cat $(VENV)/layers.txt; exit 1; }
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings

typing: $(VENV)/.built
	$(BIN)/mypy --no-error-summary
	$(BIN)/stubtest riverrun._native > $(VENV)/stubtest.txt || { cat $(VENV)/stubtest.txt; exit 1; }

bench: $(VENV)/.built  ## measure; results as JSON in benches/results/
	@mkdir -p benches/results
	$(BIN)/python -m pytest -q benches --benchmark-only --benchmark-json=benches/results/functions.json
	$(BIN)/python benches/run.py
	$(BIN)/python benches/table.py

docs: $(VENV)/.built  ## run every example in README and docs, follow every link (WRITE=1 puts real output in)
	$(BIN)/python $(if $(WRITE),tests/console.py README.md docs/*.md examples/*/README.md,-m pytest -q tests/test_docs.py)

wheel: $(VENV)/.pinned  ## dist/: a wheel for Python 3.11 and later, and the sources
	rm -rf dist
	@{ $(BIN)/maturin build --quiet --release --locked --strip --out dist && $(BIN)/maturin sdist --out dist; } \
	  > $(VENV)/wheel.txt 2>&1 || { cat $(VENV)/wheel.txt; exit 1; }
	@ls dist

clean:  ## remove all that was built or installed here
	rm -rf $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks .import_linter_cache
	rm -f python/riverrun/*.so
	find python tests benches examples -name __pycache__ -type d -prune -exec rm -rf {} +

# Python 3.11 or later, and what is pinned.
$(VENV)/.pinned: requirements-dev.txt examples/flights/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "riverrun needs Python 3.11 or later as $(PYTHON) (make PYTHON=/path/to/python3.11)" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setting up $(VENV)" && $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet -r requirements-dev.txt -r examples/flights/requirements.txt
	@touch $@

# The extension, and riverrun itself as an editable package.
$(VENV)/.built: $(VENV)/.pinned pyproject.toml Cargo.toml Cargo.lock $(RUST)
	@command -v cargo >/dev/null || \
	  { echo "riverrun is built with Rust: cargo is not on PATH (see https://rustup.rs)" >&2; exit 1; }
	@echo "building the extension (a minute or two the first time)"
	@$(BIN)/maturin develop --quiet --release --locked > $(VENV)/build.txt 2>&1 || { cat $(VENV)/build.txt; exit 1; }
	@touch $@
