# make help     this list; also without a target
# make demo     two real clusters with the mirror between them; DEMO="--nodes 1" gives options
# make traffic  OpenSearch Benchmark's workloads against the demo that runs; TRAFFIC="WORKLOADS=nested" gives settings
# make test     all that CI checks; starts a Docker engine where none answers (Debian, Ubuntu; as root)
# make check    what needs no Docker: format, lint, types, unit tests
# make format   the formatter and the linter change the files
# make pages    what is made from code: docs/settings.md, docs/order-footprints.md, unanswered.lua
# make fidelity the fidelity suite alone, with its matrix: what reaches client, nodes and logs
# make bench    the benchmarks; minutes
# make requirements  writes requirements*.txt from requirements*.in, with the SHA-256 of each file
# make clean    removes what the others left in this folder, and stops the local engine

.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.PHONY: help demo traffic test check static format pages fidelity bench requirements clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNNABLE := $(VENV)/.runnable
INSTALLED := $(VENV)/.installed
# A virtual environment of its own, beside the link that .venv may be.
PINS := .venv-pins

# The first target is what `make` alone does.
help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

test: static
	$(BIN)/python -m capture.local_engine run -- $(BIN)/python -m pytest tests/unit tests/integration tests/e2e

demo: $(RUNNABLE)
	@exec $(BIN)/python -m capture.local_engine run -- $(BIN)/python demo_haproxy.py $(DEMO)

traffic: $(RUNNABLE)
	@exec $(BIN)/python -m capture.demo.traffic $(TRAFFIC)

check: static
	$(BIN)/python -m pytest tests/unit

static: $(INSTALLED)
	$(BIN)/ruff format --check --quiet . || { echo "error: the formatter would change these files; hint: make format" >&2; exit 1; }
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pages: $(INSTALLED)
	$(BIN)/python -m haproxy_config.settings_page
	$(BIN)/python -m tests.unit.regenerate_footprints_page
	$(BIN)/python -m tests.unit.regenerate_unanswered_lua

fidelity: $(INSTALLED)
	$(BIN)/python -m capture.local_engine run -- $(BIN)/python -m pytest --matrix --tb=short -q \
	    tests/integration/test_fidelity.py tests/integration/test_failure_inside.py

bench: $(INSTALLED)
	$(BIN)/python -m capture.local_engine run -- sh -c '$(BIN)/python -m benchmarks && echo && $(BIN)/python -m benchmarks.bodies'

# For all Pythons and systems in one file, but for the image's, which has one Python. What is in the .txt stays at its version while the
# .in allows it; UPGRADE=--upgrade takes the newest of what the .in leaves open.
COMPILE = $(PINS)/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
    --custom-compile-command "make requirements" $(UPGRADE)

requirements: $(PINS)/.installed
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-dev.in --constraints requirements.txt --output-file requirements-dev.txt
	$(COMPILE) requirements-e2e.in --no-deps --output-file requirements-e2e.txt
	$(COMPILE) requirements-bench.in --output-file requirements-bench.txt
	$(COMPILE) requirements-pins.in --output-file requirements-pins.txt
	cd docker_config_traffic_gen && ../$(COMPILE) requirements.in --output-file requirements.txt

$(PINS)/.installed: requirements-pins.txt
	$(PYTHON) -m venv --clear $(PINS)
	$(PINS)/bin/pip install --quiet --require-hashes --disable-pip-version-check --requirement requirements-pins.txt
	@touch $@

clean:
	if [ -x $(BIN)/python ]; then $(BIN)/python -m capture.local_engine stop >/dev/null; fi
	rm -rf $(VENV) $(PINS) .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNNABLE): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "error: '$(PYTHON)' is not Python 3.11 or newer; hint: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	    echo "error: no virtual environment; hint: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what the commands need into $(VENV)" >&2
	@$(BIN)/pip install --quiet --require-hashes --disable-pip-version-check --requirement requirements.txt
	@touch $@

# requirements-dev.txt has all of requirements.txt.
$(INSTALLED): $(RUNNABLE) requirements-dev.txt requirements-e2e.txt
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --require-hashes --no-deps --requirement requirements-e2e.txt
	@touch $@
