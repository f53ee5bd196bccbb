# Everything a stranger needs: `make run` and `make test` set the project up by themselves.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

# One thread a process: two processes with two threads each fight for two cores and lose.
export OMP_NUM_THREADS := 1
export HF_HUB_OFFLINE := 1
# Waiting threads sleep instead of spinning.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help setup run tables test test-slow notebooks site lab lint clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || \
		(echo "The pins in constraints.txt need Python 3.11 or 3.12: try make PYTHON=python3.11" && exit 1)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[features,notebooks,workflow,site,dev]'
	touch $@

setup: $(READY)  ## virtual environment with everything that runs on a CPU

run: $(READY)  ## the tutorial series: corpus, features, notebooks, results; again: only what changed
	$(BIN)/avvp series --workers $(WORKERS)

tables: $(READY)  ## every table of the four papers: what is missing or stale, hours the first time; renews docs/claims.md
	$(BIN)/avvp table all --workers $(WORKERS) --claims docs/claims.md

test: $(READY)  ## the tests, minutes
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile

test-slow: $(READY)  ## the long tests
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile

notebooks: $(READY)  ## execute the notebooks and refresh the committed copies
	$(BIN)/avvp series --workers $(WORKERS)
	$(BIN)/avvp refresh

site: $(READY)  ## lessons, pages and API as a website in outputs/site, which needs no network
	$(BIN)/python site/build.py

lab: $(READY)  ## JupyterLab in this folder
	$(BIN)/jupyter lab

lint: $(READY)  ## style of the code
	$(BIN)/ruff check
	$(BIN)/ruff format --check

clean:  ## remove what runs wrote; keeps the virtual environment and the committed cells
	rm -rf data/synthetic-llp data/synthetic-unav data/synthetic-avs outputs/changes outputs/failed outputs/prepared outputs/results.* outputs/runs outputs/site outputs/site_build outputs/tables outputs/trainings .snakemake .pytest_cache .ruff_cache
