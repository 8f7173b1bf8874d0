# Few words; each sets up what it needs. `make` alone lists them.

# Which interpreters `make test` uses: every usable one, or PY=3.12, or PYTHONS="3.11 3.13".
PYTHONS = $(or $(PY),$(shell scripts/system && scripts/pythons))
# The one that everything else uses, as .venv.
MAIN = $(firstword $(PYTHONS))
# Passed on to pytest by `make test` and `make debug`, to bench.run by `make bench`.
ARGS =

SOURCES := setup.py $(wildcard rpcore/*.pyx rpcore/*.pxd rpcore/*.h rpcore/*/*.pxi)
PIP = $(@D)/bin/python -m pip --disable-pip-version-check install --quiet --constraint scripts/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench fuzz-java debug pins clean
# A half-made stamp is no stamp; stamps are wanted even though only patterns name them.
.DELETE_ON_ERROR:
.SECONDARY:

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

demo: venv ## see it work: an index served by three processes, searched while one is killed
	@.venv/bin/rpcore demo $(ARGS)

test: ## the test suite on every installed Python (PY=3.12 for one, ARGS="-k name" for pytest)
	@scripts/test '$(PYTHONS)' $(ARGS)

lint: main-test ## ruff: style and format
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: main-test ## mypy --strict, and stubtest: the .pyi files against the built modules
	@scripts/types

bench: main-bench ## against its peers, side by side (ARGS="--quick" for a first look)
	@.venv/bin/python -m bench $(ARGS)

fuzz-java: main-test ## hessian2 against Java's own: 100,000 random graphs there and back (ARGS="--graphs 1000000")
	@cd tests && ../.venv/bin/python -m fuzz_java $(ARGS)

debug: main-test ## the test suite on a debug build: bounds checked, assertions on
	@RPCORE_DEBUG=1 .venv/bin/python setup.py --quiet build --build-lib build/debug --build-temp build/debug-objects
	@PYTHONSAFEPATH=1 PYTHONPATH=build/debug .venv/bin/pytest $(ARGS)

pins: ## resolve the newest versions of all dependencies into scripts/constraints.txt
	@scripts/pins

clean: ## remove everything that was built
	rm -rf build dist .venv .venv-* *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find rpcore \( -name '*.so' -o -name '__pycache__' \) -exec rm -rf {} +

# One virtual environment per Python version; .venv is a link to the first. Three stamps in each say what it
# holds: ready (built, able to run), test and bench (the same, with what tests and benchmarks need).

.PHONY: venv main-test main-bench
venv:
	@main='$(MAIN)' && $(MAKE) --silent .venv-$$main/ready && ln -sfn .venv-$$main .venv

main-test main-bench: main-%: venv
	@$(MAKE) --silent "$$(readlink .venv)/$*"

.venv-%/bin/python:
	@scripts/system
	@echo "setup: Python $* in .venv-$*" >&2
	@"$$(scripts/pythons $*)" -m venv --clear .venv-$*

.venv-%/tools: .venv-%/bin/python scripts/constraints.txt
	@$(PIP) --upgrade pip setuptools Cython
	@touch $@

.venv-%/ready: .venv-%/tools pyproject.toml $(SOURCES)
	@echo "setup: building rpcore for Python $*" >&2
	@# `compat` puts this folder on the path by a plain .pth: no import hook in what tests and benchmarks measure.
	@PYTHONWARNINGS=ignore $(PIP) --no-build-isolation --config-settings editable_mode=compat --editable '.[cli]'
	@touch $@

.venv-%/test .venv-%/bench: .venv-%/ready
	@echo "setup: what $(@F) needs, for Python $*" >&2
	@$(@D)/bin/python scripts/requirements.py $(@F) | $(PIP) --requirement /dev/stdin
	@touch $@
