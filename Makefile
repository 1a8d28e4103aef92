PYTHON ?= python3
BIN := .venv/bin
# node and npm come with a Python package, so the kernel and Sphinx find them here.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# An environment that was left half-made, or whose Python is gone, is of no use.
$(shell $(BIN)/python -c 'import pip' 2>/dev/null || rm -rf .venv)

# The Chromium of the tests also draws the book's pictures. Only if it is known: an empty name hides any other.
ifneq ($(wildcard .venv/chromium),)
export BROWSER_PATH ?= $(shell cat .venv/chromium)
endif

# A commit makes the same site whenever it is built: the dates in the pages are its own.
ifneq ($(shell git log -1 --format=%ct 2>/dev/null),)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
endif

.PHONY: book pdf serve test pytest audit bench chromium links lint lock clean
.NOTPARALLEL:

# Sphinx warns about a page only when it reads it: unless the last build went through, everything is read again.
book: .venv/book.installed node_modules/.book.installed _build/.contents
	@[ -e _build/.went-through ] || rm -rf _build/.doctrees
	@rm -f _build/.went-through
	$(BIN)/jupyter-book build . -W -n --keep-going
	@touch _build/.went-through
	@echo
	@echo "The book is in _build/html. Open _build/html/index.html, or run 'make serve'."

# The site with the whole book as one PDF in it, which a Chromium prints.
pdf: export WHOLE_BOOK = yes
pdf: book

serve: book
	@echo "The book is at http://localhost:8000 (Ctrl-C stops it)."
	@$(BIN)/python -m http.server 8000 --bind localhost --directory _build/html

# The Chromium first, as the book is built with it; a make of its own knows of it.
test: chromium lint node_modules/.test.installed
	$(MAKE) pdf pytest

# Every page of the site, examined: _build/audit/index.html is the table.
audit: chromium node_modules/.test.installed
	$(MAKE) pdf
	$(BIN)/python tests/site/audit.py

# How long the site takes to build, from nothing and after an edit. How much the pages weigh, and how fast figures are
# beside Plotly's own ways to show them, and the live demo beside an empty control. Then how fast sweeps are beside
# torch.optim and JAX, and updates of a few rows of a table beside torch.optim, which this does not install.
bench: chromium
	$(MAKE) book
	$(BIN)/python tests/site/bench_builds.py
	$(BIN)/python tests/site/bench_figures.py
	$(BIN)/python tests/site/bench_live_demo.py
	$(BIN)/python tests/adaptive_optim/bench_sweeps.py
	$(BIN)/python tests/adaptive_optim/bench_sparse.py

pytest:
	$(BIN)/pytest

chromium: .venv/test.installed
	$(BIN)/python tests/site/chromium.py .venv/chromium

# Other sites change by themselves: a link that no longer works is told, and stops nothing.
links: book
	-$(BIN)/jupyter-book build . --builder custom --custom-builder linkcheck
	@echo "Links to other sites that need a look, as in _build/linkcheck/output.txt:"
	@cat _build/linkcheck/output.txt

lint: .venv/test.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Renew every pinned version. The three files agree: what builds is what is tested.
lock: .venv/test.installed
	$(call compile,test,tests/requirements.txt) --upgrade
	$(call compile,book,book/requirements.txt) --constraint tests/requirements.txt
	$(call compile,reader,requirements.txt) --upgrade --constraint tests/requirements.txt
	$(BIN)/npm update

compile = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" --extra $(1) --output-file $(2)

clean:
	rm -rf _build

# Sphinx leaves the pages of removed chapters where they are, and removed files of the site.
_build/.contents: _toc.yml book/_static
	rm -rf _build/html _build/.doctrees
	@mkdir -p _build && touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "This needs Python 3.11 or newer, $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/book.installed: book/requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --progress-bar on -r book/requirements.txt
	$(BIN)/python -m pip install --no-deps --editable .
	@touch $@

.venv/test.installed: tests/requirements.txt .venv/book.installed
	$(BIN)/python -m pip install -r tests/requirements.txt
	@touch $@

node_modules/.book.installed: package-lock.json .venv/book.installed
	$(BIN)/npm ci --omit=dev
	@touch $@

# npm starts from nothing, and what it installs for the tests has all that the book needs.
node_modules/.test.installed: package-lock.json .venv/book.installed
	$(BIN)/npm ci
	@touch node_modules/.book.installed $@
