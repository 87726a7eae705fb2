# make demo   train hnetgru for its 10 epochs and rank it against the Hungarian algorithm
# make test   check style and types, and run the whole test suite
# make lint   check style and types
# make docs   build the documentation into docs/_build, without network; make linkcheck asks the sites it links to
# make campaign  try for half an hour to lose, mix or execute something, and store the counts
# make tables render the stored results into README.md, docs/, benchmarks/README.md and benchmarks/figures

PYTHON ?= python3
BIN := .venv/bin
TORCH := $(shell grep '^torch==' constraints.txt)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(TORCH)

.PHONY: demo test lint docs linkcheck campaign tables clean

demo: .venv/installed
	$(BIN)/hnetzoo train hnetgru --out runs/demo --fresh
	$(BIN)/hnetzoo benchmark --model hungarian --model hungarian-gated --model run:runs/demo --dataset doa-reference

test: lint
	$(BIN)/python -m pytest --numprocesses 2

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed-dev
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --jobs 2 docs docs/_build

linkcheck: .venv/installed-dev
	$(BIN)/python -m sphinx --builder linkcheck docs docs/_build/linkcheck

campaign: .venv/installed-dev
	$(BIN)/python -m tests.campaign --json benchmarks/results/campaign.json

tables: .venv/installed-dev
	$(BIN)/python benchmarks/render.py
	$(BIN)/python benchmarks/draw.py

clean:
	rm -rf .venv runs build dist docs/_build

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(INSTALL) --editable '.[dev]'
	touch $@
