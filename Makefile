# Two commands: `make install` once, then `make demo`. Developers: `make test`, `make lint`.
# PYTHON=/path/to/python3 make install   chooses the Python that the environment is made with.

VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
PYTHON  ?= python3
# Every process of the test suite computes with one thread: the processes share the cores.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format clean

help:
	@echo "make install   make $(VENV) and install rulekd with what it needs into it"
	@echo "make demo      teach, extract rules, train a student on them, compare, report"
	@echo "make test      run the tests"
	@echo "make lint      ruff and mypy"
	@echo "make format    let ruff sort imports and lay out the code"
	@echo "make clean     remove $(VENV) and every cache"

install: $(STAMP)

# Made anew when the dependencies change; an interrupted installation leaves no stamp and is taken up again.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,peers]'
	@touch $@
	@echo "installed into $(VENV); next: make demo, or $(BIN)/rulekd --help"

# The first interpreter that is new enough; the error says what to install where there is none.
$(BIN)/python:
	@for candidate in '$(PYTHON)' python3 python3.14 python3.13 python3.12 python3.11; do \
	  if command -v "$$candidate" >/dev/null 2>&1 && \
	     "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    chosen="$$candidate"; break; \
	  fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  echo "error: no Python 3.11 or newer; '$(PYTHON)' is $$('$(PYTHON)' --version 2>&1 || echo not there)" >&2; \
	  echo "hint: install one (Debian: apt-get install python3 python3-venv), or PYTHON=/path/to/python3 make install" >&2; \
	  exit 1; \
	fi; \
	if ! "$$chosen" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	  echo "error: $$chosen cannot make a virtual environment" >&2; \
	  echo "hint: install its venv module (Debian: apt-get install python3-venv)" >&2; \
	  exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$chosen" --version)"; \
	"$$chosen" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

demo: $(STAMP)
	$(BIN)/rulekd demo

test: $(STAMP)
	$(ONE_THREAD) $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal --doctest-modules tests kg rulekd

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find kg rulekd tests -name __pycache__ -type d -prune -exec rm -rf {} +
