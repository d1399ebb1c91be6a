# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test screenshots lint clean

demo: $(INSTALLED)
	$(BIN)/ct2mrsynth phantom --seed 7 --no-mr --no-labels --out $(DEMO)/sample
	$(BIN)/ct2mrsynth synthesize --ct $(DEMO)/sample/phantom_7_CT.nrrd --roi $(DEMO)/sample/phantom_7_L[1-5]-*.mrk.json --out $(DEMO)
	@echo "Pictures and volumes: $(abspath $(DEMO)) (all discs: phantom_7_CT_overview.png)"

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

screenshots: $(INSTALLED)
	$(BIN)/python Testing/screenshots.py $(if $(PAIRS),--pairs $(PAIRS)) $(if $(RUN),--run $(RUN))

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[mrml,test]"
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
