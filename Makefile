# Thin: BUILD.md says every one of these commands by hand.
#
#   make train                     the lesson on a synthetic sample, evaluated
#   make train IMAGES=my/xrays     the lesson on your own folders
#   make train RECIPE=accurate     another of recipes/
#   make test                      the test suite
#   make docs                      the documentation, as a site in site/
#   PYTHON=python3.12 make test    with another interpreter

PYTHON ?= python3
IMAGES ?= data/sample
RECIPE ?= lesson
FLAGS ?=
PYTEST_FLAGS ?=

# One stamp for each Python version and each state of the requirements: a second
# run installs nothing, another PYTHON starts from a new environment.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
STAMP := .venv/installed-for-python$(VERSION)

# A folder's name may hold spaces and quotes.
quote = '$(subst ','\'',$(1))'

.PHONY: help train test lint docs clean

help:
	@sed -n 's/^#   //p' Makefile

train: $(STAMP) $(if $(subst data/sample,,$(IMAGES)),,data/sample)
	.venv/bin/python train.py --flagfile=recipes/$(RECIPE).flags \
	    $(call quote,--images_dir=$(IMAGES)) --data_dir=data/records $(FLAGS)
	@echo
	.venv/bin/python evaluate.py $(filter --workdir=%,$(FLAGS))

test: $(STAMP)
	.venv/bin/python -m pytest -n auto --maxprocesses=4 --dist worksteal \
	    $(PYTEST_FLAGS)

lint: $(STAMP)
	.venv/bin/python -m flake8
	.venv/bin/python -m isort --check --diff .
	.venv/bin/python -m mypy

docs: $(STAMP)-with-docs
	.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet \
	    docs site
	@echo "Open site/index.html"

data/sample: | $(STAMP)
	.venv/bin/python -m xray_tfds.sample $@

$(STAMP): setup.cfg pyproject.toml
	@test -n "$(VERSION)" || { echo "No Python at PYTHON=$(PYTHON)."; exit 2; }
	@test -e $@ || $(PYTHON) -m venv --clear .venv
	@echo "Installing into .venv (a few minutes, once)"
	.venv/bin/python -m pip install --quiet --upgrade pip
	@# setuptools warns that folders of a clone are found before installed ones.
	PYTHONWARNINGS=ignore::UserWarning \
	    .venv/bin/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(STAMP)-with-docs: $(STAMP)
	.venv/bin/python -m pip install --quiet --editable '.[docs]'
	@touch $@

# Records in data/ and models in runs/ stay: they are the user's.
clean:
	rm -rf .venv build site *.egg-info .mypy_cache .pytest_cache .hypothesis
