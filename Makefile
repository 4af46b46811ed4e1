# Needs Python 3.11 to 3.14, git and make. All else comes from uv.lock into .venv/, by the uv on the path or, if there
# is none, by one of our own in .uv/.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# uv 0.13 or newer; an older one may not read the lock.
UV := $(shell uv --version 2>/dev/null | grep -Eq '^uv (0\.(1[3-9]|[2-9][0-9])|[1-9])' && command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --no-sync --
SYNCED := .venv/.synced
COMPILED := .venv/.compiled
# To see it work takes no linter, kubectl or traefik: of the environment only that part, and what is there beside it stays.
RUNNABLE := .venv/.runnable
# With the commands of Node, which only the console is built with.
NODED := .venv/.node
ALL := --all-packages --all-groups --all-extras
MANIFESTS := uv.lock pyproject.toml $(wildcard shared/pyproject.toml services/*/pyproject.toml deploy/dev/pyproject.toml)

# An interpreter that fits is on the machine, so none is fetched; UV_PYTHON_DOWNLOADS=automatic lets uv do it.
export UV_PYTHON_DOWNLOADS ?= never

# Hundreds of processes are started; where this is set each of them compiles all that it imports, three times the work.
export PYTHONDONTWRITEBYTECODE :=

# Tests wait for half of their time, so two cores take four at once.
WORKERS ?= 4

# The first that fits of those on the path, by its real place rather than a shim's.
FIND_PYTHON = python=$$(for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; (3, 11) <= sys.version_info < (3, 15) or sys.exit(1); print(sys.executable)' 2>/dev/null \
	&& break; done) || { echo 'Python 3.11 to 3.14 is needed, and none is on the path.' >&2; exit 1; }

.PHONY: help
help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(RUNNABLE) ## See it work: everything on free ports, in a temporary folder
	@$(RUN) waterclock demo

.PHONY: dev
dev: $(RUNNABLE) ## Run all of it here, with embedded servers, until Ctrl-C
	@$(RUN) waterclock dev

.PHONY: sample
sample: $(RUNNABLE) ## Run all of it with some twenty jobs and 90 days of their past, to look at in the console
	@$(RUN) waterclock dev --sample --data-dir .waterclock/sample

.PHONY: check
check: abreast unit ## Format, lint, types, contracts, the lock, unit tests: under a minute

# What may be left out where a machine has no browser and none can be had: `make test WITHOUT=browser`.
WITHOUT ?=
$(if $(filter-out browser,$(WITHOUT)),$(error WITHOUT may be "browser", not "$(WITHOUT)"))

.PHONY: test
test: abreast isolation $(if $(WITHOUT),,browser) $(COMPILED) ## All that CI runs: the checks, then every test but the soak
	$(RUN) pytest -n $(WORKERS) -m "not soak$(if $(WITHOUT), and not browser)"

# Before the tests: where there is none they would all fail, one after the other.
.PHONY: browser
browser: $(SYNCED)
	@$(RUN) python -m waterclock_dev.browser

# In a fresh clone each of the four would compile all modules, for 25 s of processor time; where one has, they take 9 s.
$(COMPILED): $(SYNCED)
	@$(RUN) pytest --collect-only -q -m "not soak" >/dev/null || true
	@touch $@

# Types take a minute of one core, and all else fits beside them.
.PHONY: abreast
abreast: $(SYNCED)
	@$(MAKE) --no-print-directory --jobs 2 types security format lint contracts lock

.PHONY: format
format: $(SYNCED)
	$(RUN) ruff format --check

.PHONY: lint
lint: $(SYNCED)
	$(RUN) ruff check

.PHONY: types
types: $(SYNCED)
	$(RUN) basedpyright

.PHONY: contracts
contracts: $(SYNCED)
	$(RUN) lint-imports --no-logo

# The lock fits the manifests, names hashes and the one index, and the environment is what it says: nothing is fetched.
.PHONY: lock
lock: $(SYNCED)
	$(UV) lock --check --offline --quiet
	$(UV) sync $(ALL) --frozen --offline --check --quiet 2>/dev/null || \
		$(UV) sync $(ALL) --no-group node --frozen --offline --check --quiet
	$(RUN) python deploy/supply/lock.py --environment

# Told only when it finds something: it warns of each part of a line with an exception in which nothing was wrong.
BANDIT = $(RUN) bandit --quiet --configfile pyproject.toml --recursive shared/src services deploy examples
.PHONY: security
security: $(SYNCED)
	@echo '$(BANDIT)'; $(BANDIT) >/dev/null 2>&1 || $(BANDIT)

.PHONY: unit
unit: $(SYNCED)
	$(RUN) pytest -n $(WORKERS) tests/unit -m "not soak"

# One environment for all hides what a service forgot to declare: each must start from its own dependencies alone.
.PHONY: isolation
isolation: $(addprefix isolated-,api scheduler worker)

isolated-%: $(SYNCED)
	$(UV) run --isolated --frozen --no-dev --python .venv/bin/python --package waterclock-$* \
		python -c 'import waterclock_$*.main'

.PHONY: bench
bench: $(SYNCED) ## Measure, beside the bare figures of this machine
	@$(RUN) waterclock bench

.PHONY: soak
soak: $(SYNCED) ## The tests that take minutes
	$(RUN) pytest -m soak --timeout 3600

.PHONY: docs
docs: $(SYNCED) ## Build the documentation into build/site/: a static site, searchable, of no other host
	@$(RUN) python deploy/docs/site.py

.PHONY: console
console: $(NODED) ## Build services/api/console into the API's package, where the build is committed
	@$(RUN) python deploy/console/build.py

.PHONY: console-check
console-check: $(NODED) ## Build the console again and compare bytes; its types, style and tests
	@$(RUN) python deploy/console/build.py --check

.PHONY: shots
shots: $(SYNCED) browser ## Photograph the console, as it shows the sample, into docs/pictures/console/
	@$(RUN) python deploy/console/shots.py

DIST ?= dist
.PHONY: wheels
wheels: | $(UV) ## Build the five packages into dist/, to be installed as docs/how-to/install.md says
	rm -f $(DIST)/waterclock*.whl
	$(UV) build --all-packages --wheel --out-dir $(DIST)

.PHONY: audit
audit: $(SYNCED) ## Look up known vulnerabilities of what uv.lock names (asks PyPI, else osv.dev)
	@$(UV) export --frozen --all-packages --all-groups --all-extras --no-emit-workspace --quiet --output-file .venv/audit.txt
	@$(RUN) python deploy/supply/audit.py .venv/audit.txt

.PHONY: clean
clean: ## Remove environments and caches; the data of `make dev` stays
	rm -rf .venv .uv dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(SYNCED): $(MANIFESTS) | $(UV)
	@$(FIND_PYTHON); set -x; \
	$(UV) sync $(ALL) --no-group node --frozen --python "$$python"
	@touch $@ $(RUNNABLE)

$(NODED): $(SYNCED)
	$(UV) sync $(ALL) --frozen --python .venv/bin/python
	@touch $@

$(RUNNABLE): $(MANIFESTS) | $(UV)
	@$(FIND_PYTHON); set -x; \
	$(UV) sync --no-dev --inexact --frozen --python "$$python"
	@touch $@

.uv/bin/uv:
	@$(FIND_PYTHON); \
	"$$python" -c 'import ensurepip' 2>/dev/null || { \
		echo "$$python cannot make environments: install python3-venv (Debian, Ubuntu), or uv itself." >&2; exit 1; }; \
	set -x; "$$python" -m venv .uv && .uv/bin/pip install --quiet --require-hashes -r deploy/uv.txt
