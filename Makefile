# Everything starts here: `make help` lists the commands.
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup run demo load install uninstall unit test compat cluster soak lint format lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: Debian's Orthanc packages, the Python environment and OHIF
	@scripts/setup.sh runtime

run: setup ## run Orthanc with the plugin in the foreground (HTTP_PORT=8042 DICOM_PORT=4242)
	@exec $(BIN)/python scripts/run.py

demo: setup ## store a synthetic patient with three time points on the running server, and find one point in all of them
	@$(BIN)/python scripts/demo.py

load: setup ## send a folder of images to the running server (DIR=path/to/images)
	@$(BIN)/python scripts/load.py "$(DIR)"

unit: setup ## run the fast tests, without a server: tests/unit and doctests, about a minute (ARGS="-k resolve" selects)
	@scripts/setup.sh test
	@$(BIN)/python -m pytest -m "not slow" tests/unit plugin/longitudinal $(ARGS)

test: setup ## install what the tests need and run all of them (ARGS="-k resolve" selects)
	@scripts/setup.sh test
	@scripts/test.sh $(ARGS)

install: ## add the plugin to the Orthanc of this machine (docs/install.md; ARGS="--prefix DIR --etc DIR")
	@scripts/install.sh $(ARGS)

uninstall: ## remove it again
	@scripts/install.sh --uninstall $(ARGS)

compat: setup ## run the tests against real servers here, on Debian 13 and on forky, and build and try the Docker image, as root (SYSTEMS="trixie" ARGS="-k resolve")
	@scripts/compat.sh $(ARGS)

cluster: setup ## run two Orthanc servers on one PostgreSQL and one storage folder, to try out (docs/cluster.md)
	@scripts/setup.sh compat
	@exec $(BIN)/python scripts/cluster.py

soak: setup ## run an hour of kills, load, an old archive and ten million slices, compared with the goals; as root, Markdown on stdout
	@scripts/setup.sh test
	@$(BIN)/python -m benchmarks.soak

lint: setup ## check style, types, import directions, and unused or undeclared dependencies, of Python and JavaScript
	@scripts/setup.sh test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=plugin $(BIN)/lint-imports
	$(BIN)/deptry plugin
	scripts/lint_javascript.sh

format: setup ## format the sources
	@scripts/setup.sh test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: setup ## pin the dependencies of pyproject.toml in requirements.lock and requirements-test.lock
	@scripts/lock.sh

clean: ## remove the Python environment and caches, but not var/ with its images and password
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
