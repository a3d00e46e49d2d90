# Everything runs in one virtual environment, .venv, made and filled on first use.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo ui docs test test-slow test-page check fix bench test-floor test-latest clean

demo: .venv/package  ## six tasks routed and answered on a sample shop, offline
	@$(BIN)/agent-knowledge demo

ui: .venv/ui  ## the same shop on a page: ask, and see why
	@$(BIN)/agent-knowledge ui --sample

test: .venv/dev  ## the tests but the few marked slow; pytest says how many, and which should be
	$(BIN)/python -m pytest -m "not slow and not browser" -n auto --dist loadfile --durations=9 --durations-min=5

test-slow: .venv/dev  ## those: the same behaviours on larger inputs, or through real processes
	$(BIN)/python -m pytest -m "slow and not browser"

test-page: .venv/browser  ## the page in Chromium, which the system has to have
	$(BIN)/python -m pytest tests/browser -m browser

docs: .venv/docs  ## the pages of docs/ as a site, its links checked
	$(BIN)/python -m tools.site

check: .venv/bench  ## lint, types, floors, the docs' examples
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest docs README.md

fix: .venv/dev  ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/bench  ## the published figures; DATA=../shared/data
	$(BIN)/python -m tools.bench --data $(or $(DATA),../shared/data)

test-floor:  ## the tests on the oldest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-floor
	.venv-floor/bin/python tools/floors.py > .venv-floor/floors.txt
	.venv-floor/bin/pip install --quiet -c .venv-floor/floors.txt -e ".[dev]"
	.venv-floor/bin/python -m pytest -m "not slow and not browser" -n auto --dist loadfile

test-latest:  ## the tests on the newest versions that it allows; tried.txt says which
	$(PYTHON) -m venv .venv-latest
	.venv-latest/bin/pip install --quiet -U --upgrade-strategy eager -e ".[dev]"
	.venv-latest/bin/pip freeze > .venv-latest/tried.txt
	.venv-latest/bin/python -m pytest -m "not slow and not browser" -n auto --dist loadfile

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=python3.x"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/package: pyproject.toml | .venv/bin/python
	@echo "Installing the package and what it needs into .venv: about 120 packages, half a gigabyte;"
	@echo "it takes a while, once. Nothing outside this folder is changed; make clean undoes it."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ .venv/package

.venv/ui: pyproject.toml | .venv/bin/python
	@echo "Installing the package and its page into .venv, about a minute; then it starts."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[ui]"
	@touch $@ .venv/package

.venv/browser: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[ui,browser]"
	@touch $@

.venv/docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@ .venv/package

.venv/bench: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,bench]"
	@touch $@ .venv/dev .venv/package

clean:
	rm -rf .venv .venv-floor .venv-latest
