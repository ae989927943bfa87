# One command each. Everything Python goes into .venv; servers that the tests and benchmarks drive come from apt.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
METADATA := setup.cfg pyproject.toml

# One more than there are processors: tests wait for servers, clients and alarms for a third of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: help demo test lint types format fuzz explore docs fidelity bench bench-loads soak clean

help:
	@echo 'make demo        install, then show faults on a live backend'
	@echo 'make test        install, then run every test (ARGS="-k redis" to choose, ARGS="-n 0" for one process)'
	@echo 'make lint        ruff, its formatter in check mode, and the types'
	@echo 'make types       mypy --strict'
	@echo 'make format      let ruff format and sort'
	@echo 'make fuzz        feed the protocols arbitrary bytes, for longer than the tests do'
	@echo 'make explore     try every fault on the shops in examples/, which the tests do with a part of them'
	@echo 'make docs        write the reference tables and pictures of docs/ anew from the code'
	@echo 'make fidelity    compare injected faults with real failures, and write the tables of docs/fidelity.md and docs/tls.md'
	@echo 'make bench       compare with HAProxy (ARGS="--quick", "--only idle")'
	@echo 'make bench-loads measure loads-runner beside plain Locust (ARGS="speed")'
	@echo 'make soak        load all protocols while faults come and go (ARGS="--minutes 30 --seed 1")'
	@echo 'make clean       remove the environment and the caches'

demo: $(VENV)/.runtime
	$(BIN)/vaurien --demo

# The tests start the commands hundreds of times, which is to be fast whatever the environment says of bytecode.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.develop
	@scripts/install-servers redis-server redis-benchmark redis-cli nginx curl openssl haproxy jq memcached mariadbd mariadb \
	  postgres psql exim4 lmtp node npm javac chromium chromedriver
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory types

types: $(VENV)/.develop
	$(BIN)/mypy -p vaurien -p loads -p tests -p benchmarks -p soak

format: $(VENV)/.develop
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.develop
	$(BIN)/python -m pytest fuzz $(ARGS)

explore: $(VENV)/.develop
	@scripts/install-servers redis-server postgres node npm
	$(BIN)/python -m pytest tests/explore/test_shop.py -m whole --durations 10 $(ARGS)

docs: $(VENV)/.develop
	$(BIN)/python -m docs.generate

fidelity: $(VENV)/.develop
	@scripts/install-servers redis-server nginx curl openssl haproxy memcached mariadbd postgres exim4 lmtp node npm \
	  javac
	$(BIN)/python -m pytest tests/truth -n $(WORKERS) --dist worksteal -q --junitxml $(VENV)/truth.xml
	$(BIN)/python -m docs.fidelity $(VENV)/truth.xml

bench: $(VENV)/.develop
	@scripts/install-servers redis-server redis-benchmark nginx haproxy wrk iperf3 memcached mariadbd mariadb-slap postgres
	$(BIN)/python -m benchmarks $(ARGS)

bench-loads: $(VENV)/.develop
	@scripts/install-servers nginx
	$(BIN)/python -m benchmarks.loads_runner $(ARGS)

soak: $(VENV)/.develop
	@scripts/install-servers redis-server nginx memcached mariadbd postgres
	$(BIN)/python -m soak $(ARGS)

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'make: $(PYTHON) cannot make environments; on Debian: apt-get install python3-venv' >&2; exit 1; }

$(VENV)/.runtime: $(METADATA) | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.develop: $(METADATA) | $(BIN)/python
	$(PIP) --editable '.[test,lint,loads]'
	@touch $@ $(VENV)/.runtime
