# make run    everything it takes to open the page on http://127.0.0.1:8501
# make test   everything it takes to run the whole suite, the browser included
# make check  format, lint, types and the fast tests, as before each commit
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

.PHONY: run class test check lint assets browser bench gpu minis clean

run: $(VENV)/.run-stamp assets
	$(BIN)/python -m streamlit run app.py

# For a room: others on the network can open it. The teacher's passcode is printed.
class: $(VENV)/.run-stamp assets
	$(BIN)/python -m streamlit run app.py --server.address 0.0.0.0

test: $(VENV)/.ray-stamp assets browser lint
	$(BIN)/python -m pytest -m "not slow and not browser and not ray" -n $(CORES) --dist loadfile
	$(BIN)/python -m pytest -m "slow or browser"
	$(BIN)/python -m pytest -m ray

check: $(VENV)/.test-stamp lint
	$(BIN)/python -m pytest -m "not slow and not browser and not ray and not assets" -n $(CORES) --dist loadfile

lint: $(VENV)/.test-stamp
	$(BIN)/ruff format --check -q
	$(BIN)/ruff check
	$(BIN)/mypy

# Needs no network once the files are in cache/. Without network the page still opens and says what is missing.
assets: $(VENV)/.run-stamp
	@$(BIN)/python -m distill_core assets || echo "Some offline assets are missing: the page says which, and how to get them."

# The browser tests drive the system's Chromium.
browser:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null; then \
	  echo "Installing Debian's chromium for the browser tests"; \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else echo "The browser tests need Chromium or Chrome on PATH: install it, then run make test again."; exit 1; fi

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Distill Lab needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 run") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-stamp: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.test-stamp: tests/requirements.txt requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@ $(VENV)/.run-stamp

# Ray, for runs in a cluster: docs/deploy.md.
$(VENV)/.ray-stamp: requirements-ray.txt $(VENV)/.test-stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ray.txt
	@touch $@

# Side-by-side measurements against other toolkits: benchmarks/README.md. Options go into ARGS.
bench: $(VENV)/.bench-stamp assets
	$(BIN)/python -m benchmarks.distillation $(ARGS)

$(VENV)/.bench-stamp: benchmarks/requirements.txt $(VENV)/.run-stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/bench -r benchmarks/requirements.txt
	@touch $@

# On a machine with an accelerator: the tests that need one, and what the card can do. Options go into ARGS.
gpu: $(VENV)/.test-stamp assets
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python -m benchmarks.gpu $(ARGS)

# The small pre-trained models of data/minis: about an hour on two cores. A second call goes on where it stopped.
minis: $(VENV)/.run-stamp assets
	$(BIN)/python -m distill_core minis $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
