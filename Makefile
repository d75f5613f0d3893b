# The commands of this repository. `make` lists them. Each one sets up what it needs first, once.

VENV   := .venv
PYTHON := $(VENV)/bin/python
ROWS   ?= 5000000

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench crash clean
.DELETE_ON_ERROR:

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
	  printf '  make %-8s %s\n' "$$name" "$$what"; done

setup: $(VENV)/installed ## create or refresh .venv

demo: setup ## load 1,000,000 rows into SQLite, kill it half-way, resume, load again
	@$(PYTHON) -m tools.demo

test: setup ## every test
	@$(PYTHON) -m pytest --numprocesses auto --dist worksteal

check: setup ## style, types, layers and size limits
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) -m tools.limits

bench: setup ## measure loads of ROWS rows, write docs/benchmarks.md (make bench ROWS=20000000 JOBS=peers,kill)
	@$(PYTHON) -m bench --rows $(ROWS) $(if $(JOBS),--only $(JOBS))

crash: setup ## only the tests that kill
	@$(PYTHON) -m pytest --numprocesses auto --dist worksteal tests/crash

clean: ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The stamp is written last, so an interrupted set-up is done again; a .venv that cannot run pip is made anew.
$(VENV)/installed: pyproject.toml constraints.txt
	@if ! $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  python="$$(sh tools/find_python.sh)" || exit 1; \
	  echo "creating $(VENV) with $$($$python --version)"; \
	  $$python -m venv --clear $(VENV); \
	fi
	@echo "installing Holdfast and its pinned dependencies into $(VENV)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
