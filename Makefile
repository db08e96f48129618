# `make help` lists what can be made. PYTHON=python3.12 chooses another Python for the environment.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
MIN := $(shell sed -n 's/^min_python *= *//p' settings.ini)

.DEFAULT_GOAL := help
.PHONY: help install demo test check readme docs e2e export clean-nbs tutorials benchmarks

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv and install everything into it (once)

$(STAMP): settings.ini setup.py constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here. Install Python $(MIN) or newer, or name one: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; need = tuple(map(int, "$(MIN)".split("."))); sys.exit(sys.version_info[:2] < need)' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), quake needs $(MIN) or newer. Name one: make PYTHON=python$(MIN)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -e '.[dev]' -c constraints.txt
	@touch $@

demo: $(STAMP) ## train HybridViT on the embedded data (or your pickles in resources/)
	$(BIN)/quake train-hvit

test: $(STAMP) ## nbdev_test on every notebook, counted; NB='nbs/01_core.ipynb …' for some
	@$(BIN)/python tools/test.py $(NB)

check: $(STAMP) ## export in sync, notebooks clean, floors, imports, README; CHECK='floors …' for some
	@$(BIN)/python tools/check.py $(CHECK)

export: $(STAMP) ## notebooks → quake/
	$(BIN)/nbdev_export

clean-nbs: $(STAMP) ## strip what Jupyter adds to notebooks
	$(BIN)/nbdev_clean

readme: $(STAMP) ## nbs/index.ipynb → README.md
	@$(BIN)/python tools/readme.py

docs: $(STAMP) ## the site → _docs/index.html
	@$(BIN)/python tools/docs.py

e2e: $(STAMP) ## site, explorer and TensorBoard in a browser (Chromium); E2E='site --shots DIR' for some
	@$(BIN)/python tools/e2e.py $(E2E)

tutorials benchmarks: $(STAMP)
	@$(BIN)/python tools/rerun.py nbs/$@

tutorials: ## run the tutorials anew and keep their outputs
benchmarks: ## run the benchmarks anew and keep their outputs
