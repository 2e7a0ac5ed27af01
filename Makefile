# `make demo` shows the main job, `make test` checks everything that must hold. Each makes its own
# virtual environment first, and again only when the dependencies have changed.

PYTHON ?= python3
VENV := .venv
FLOORS := .venv-floors
FAST := .venv-fast
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 60

.PHONY: demo test lint types contracts unit fast floors docs fuzz clean help

help:  ## List what make can do here
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/run  ## Stream a recorded answer over real HTTP and print it as it arrives
	@$(BIN)/python -m openai_scan demo

test: lint types contracts unit fast floors docs  ## Check everything that must hold

lint: $(VENV)/dev  ## Style, of every file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev  ## Types, strictly
	$(BIN)/mypy

contracts: $(VENV)/dev  ## Who may import whom
	$(BIN)/lint-imports

unit: $(VENV)/dev  ## The tests, README and docs examples included, with full branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

fast: $(FAST)/dev  ## The tests with the extra `fast`
	$(FAST)/bin/python -m pytest --quiet

floors: $(FLOORS)/dev  ## The tests on the oldest dependencies that setup.cfg allows
	$(FLOORS)/bin/python -m pytest --quiet

docs: $(VENV)/dev  ## The documentation, with warnings as errors, into docs/_build/html
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html

fuzz: $(VENV)/fuzz  ## Fuzz for FUZZ_SECONDS (60) per harness
	@mkdir -p build/fuzz/tokenizer build/fuzz/streamer
	$(BIN)/python fuzz/fuzz_tokenizer.py -max_total_time=$(FUZZ_SECONDS) -max_len=256 \
		-artifact_prefix=build/fuzz/ build/fuzz/tokenizer fuzz/corpus/tokenizer
	$(BIN)/python fuzz/fuzz_streamer.py -max_total_time=$(FUZZ_SECONDS) -max_len=512 \
		-artifact_prefix=build/fuzz/ build/fuzz/streamer fuzz/corpus/streamer

clean:  ## Remove what the other targets have made
	rm -rf $(VENV) $(FLOORS) $(FAST) .coverage* .hypothesis .*_cache docs/_build build *.egg-info

$(VENV)/run: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev: $(VENV)/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(VENV)/fuzz: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@

$(FLOORS)/dev: setup.cfg pyproject.toml tests/floors.txt
	$(PYTHON) -m venv $(FLOORS)
	$(FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/floors.txt --editable '.[test]'
	@touch $@

$(FAST)/dev: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(FAST)
	$(FAST)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fast]'
	@touch $@
