# From a fresh clone: needs Python 3.11 or newer, and make.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DEMO := $(or $(DEMO),outputs/demo-$(shell date +%Y%m%d-%H%M%S))
STRESS ?= outputs/stress
# the commit that holds the trainings of the survey, 30 MB, which later ones leave out
TRAININGS := bc6072f
GPU ?= outputs/gpu-check-$(shell date +%Y%m%d-%H%M%S)

.PHONY: help demo test test-ddp test-ray stress lint docs bench gpu-check trainings dist clean

help:  ## this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.base  ## networks of your own and 300 known ones, ordered without training them; 5 minutes with the installation
	@$(RUN) examples/demo.py --out $(DEMO)/own
	@echo "4. The shipped hypernetwork orders 300 networks of NAS-Bench-201; how well, published accuracies tell:"
	@$(RUN) evaluate.py references=nasbench201 out=$(DEMO)/known
	@echo "the page: file://$(abspath $(DEMO))/known/report.html"

test: $(VENV)/.dev  ## all tests
	$(RUN) -m pytest -n auto --maxprocesses 8 --dist loadfile

test-ddp: $(VENV)/.dev  ## a training on two ranks of torchrun: as of one process, resumed on another number, one rank killed
	$(RUN) -m pytest tests/train/test_ranks.py
	$(RUN) -m tests.benchmarks --only ranks --threads 1

test-ray: $(VENV)/.dev  ## all 15,625 cells on a Ray cluster of three workers, one killed, the driver too; Ray Data
	GHN_RAY_CELLS=15625 $(RUN) -m pytest -n 0 -s -rA tests/adapters/test_adapters_ray_workers.py

stress: $(VENV)/.stress  ## attacks: 300 kills, full disks, an hour of fuzzing, a day of a service, all keys; goes on where it ended
	$(RUN) -m tests.stress --out $(STRESS)

lint: $(VENV)/.dev  ## style, types and floors
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/.dev build/survey/index.md  ## the site, into site/: opens without network; warnings are errors
	$(RUN) docs/tools/site_pages.py
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict
	@echo "open site/index.html; with search: python -m http.server -d site"

build/survey/index.md: docs/survey/survey.json docs/tools/survey_page.py $(wildcard ghn/report/*.* ghn/report/survey/*.py ghn/drawing/*.py) | $(VENV)/.dev
	rm -rf build/survey
	$(RUN) docs/tools/survey_page.py build/survey

bench: $(VENV)/.dev  ## speed and memory, medians of several runs
	$(RUN) -m tests.benchmarks

gpu-check: $(VENV)/.dev  ## everything on a GPU in under four minutes: one page and one JSON
	$(RUN) -m tests.benchmarks.gpu_check --out $(GPU)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("ghn needs Python 3.11 or newer; try make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(VENV)/bin/python
	@echo "installing PyTorch and more into $(VENV): some 2 minutes and 6 GB, once"
	@$(VENV)/bin/pip install -e .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/pip install -e '.[dev]'
	touch $@ $(VENV)/.base

$(VENV)/.dist: $(VENV)/.base
	$(VENV)/bin/pip install -e '.[dist]'
	touch $@

$(VENV)/.stress: $(VENV)/.dev
	$(VENV)/bin/pip install -e '.[stress]'
	touch $@

trainings:  ## the trainings that the survey reads, out of the history of this repository
	@git cat-file -e $(TRAININGS) || { echo "this clone lacks their commit; git fetch --unshallow"; exit 1; }
	git archive $(TRAININGS) checkpoints/trainings | tar -x

dist: $(VENV)/.dist  ## wheel and sdist of ghn, and a wheel of the survey's trainings
	$(RUN) -m build --outdir dist .
	$(MAKE) trainings
	$(RUN) -m build --wheel --outdir dist checkpoints/trainings

clean:  ## what can be made again; outputs/ stays
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
