# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every target runs in an environment that scripts/dev.py makes on first use; nothing has to be installed
# before. What `make test` does, in which order, is one table: scripts/steps.py.

PYTHON ?= python3
RUN := $(PYTHON) scripts/dev.py
PARTS := lint unit sanity artifact integration molecule

.PHONY: help demo test $(PARTS) bench build testbed format shell clean clean-cache

help: ## this list
	@grep -hE '^[a-z].*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14
	@echo 'Parts of test: $(PARTS)'

demo: ## two clusters, the network prepared, a VM moved there and back (KEEP=1 leaves them up)
	@$(RUN) python scripts/demo.py

test: ## every check, fast things first
	@$(RUN) python scripts/steps.py

$(PARTS):
	@$(RUN) python scripts/steps.py $@

bench: ## 20 hosts x 5 calls through our modules and through kubernetes.core, in one run
	@$(RUN) python tests/bench/calls.py

build: ## the archive to install elsewhere
	@$(RUN) python scripts/artifact.py build

testbed: ## build the control planes of the test bed (once; make demo and make test do it too)
	@$(RUN) python -m testbed build

format: ## let ruff format and sort what it can
	@$(RUN) ruff format
	@$(RUN) ruff check --fix

shell: ## a shell in the environment
	@$(RUN) $(or $(SHELL),/bin/sh)

clean: ## leftovers of tools in the checkout
	@rm -rf .ansible .cache .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-cache: clean ## everything that was built outside the checkout, too (the next run is a first run)
	@$(PYTHON) scripts/dev.py --forget
