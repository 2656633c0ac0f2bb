# Everything starts here: `make help` lists the commands.
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup run demo load install uninstall test compat cluster soak lint format lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: Debian's Orthanc packages and the Python environment
	@scripts/setup.sh runtime

run: setup ## Orthanc in the foreground with the plugin (HTTP_PORT=8042 DICOM_PORT=4242)
	@exec $(BIN)/python scripts/run.py

demo: setup ## a synthetic patient with three time points on the running server, and one point found in all of them
	@$(BIN)/python scripts/demo.py

load: setup ## send a folder to the running server (DIR=path/to/images)
	@$(BIN)/python scripts/load.py "$(DIR)"

test: setup ## install what tests need and run all of them (ARGS="-k resolve" narrows)
	@scripts/setup.sh test
	@$(BIN)/python -m pytest $(ARGS)

install: ## add the plugin to the Orthanc of this machine (docs/install.md; ARGS="--prefix DIR --etc DIR")
	@scripts/install.sh $(ARGS)

uninstall: ## take it out of there again
	@scripts/install.sh --uninstall $(ARGS)

compat: setup ## the tests against real servers here, on Debian 13, on forky, and the Docker image, as root (SYSTEMS="trixie" ARGS="-k resolve")
	@scripts/compat.sh $(ARGS)

cluster: setup ## two Orthanc on one PostgreSQL and one storage folder, to look at (docs/cluster.md)
	@scripts/setup.sh compat
	@exec $(BIN)/python scripts/cluster.py

soak: setup ## an hour of kills, load, an old archive and ten million slices, against the targets; as root, Markdown on stdout
	@scripts/setup.sh test
	@$(BIN)/python -m benchmarks.soak

lint: setup ## style, types, import directions, unused or undeclared dependencies
	@scripts/setup.sh test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=plugin $(BIN)/lint-imports
	$(BIN)/deptry plugin

format: setup ## rewrite the sources in the house style
	@scripts/setup.sh test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: setup ## pin pyproject.toml anew into requirements.lock and requirements-test.lock
	@scripts/lock.sh

clean: ## remove the Python environment and caches (var/, with its images and password, stays)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
