# Two commands: `make repro` runs the active recipe, `make test` the test suite. Both make .venv first.
PYTHON ?= python3
BIN := .venv/bin
# The environment's own bin first: DVC starts stages as `python -m yue`.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: repro test lint bench clean

repro: .venv.stamp
	$(RUN) dvc repro

test: .venv.stamp
	$(RUN) python -m pytest -n 2 --dist loadgroup

lint: .venv.stamp
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

# Reinstalls when the metadata, the build or the C sources change; otherwise costs nothing.
.venv.stamp: pyproject.toml $(wildcard setup.py) yue/native/build.py $(wildcard yue/native/*.c yue/native/*.h)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv.stamp

clean:
	rm -rf .venv .venv.stamp build work demo/work .yue
