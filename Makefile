PYTHON ?= python3
BIN := .venv/bin

# .venv/book.installed records the folder and the Python that .venv was created for. If one of them has changed, if the
# installation was not completed, or if that Python is gone, .venv is created again. PYTHON counts only if a user sets it.
IDENTITY := import os, sys; print("Python %d.%d of" % sys.version_info[:2], os.path.realpath(sys.base_prefix))
identity = $(CURDIR), $(shell $(1) -c '$(IDENTITY)' 2>/dev/null)
EXPECTED := $(call identity,$(if $(filter file,$(origin PYTHON)),$(BIN)/python,$(PYTHON)))
ifneq ($(EXPECTED),$(shell cat .venv/book.installed 2>/dev/null))
.venv/book.installed: environment
endif

# node and npm come with a Python package, so the kernel and Sphinx find them here.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# The Chromium that the tests use also draws the pictures of the figures. An empty value would hide an installed Chrome.
ifneq ($(wildcard .venv/chromium),)
export BROWSER_PATH ?= $(shell cat .venv/chromium)
endif

# Builds of one commit are equal: the dates in the pages are those of the commit.
ifneq ($(shell git log -1 --format=%ct 2>/dev/null),)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
endif

.PHONY: book pdf serve check test pytest audit quick-audit picture matrix bench chromium links lint lock clean environment
.NOTPARALLEL:

# Sphinx repeats a warning about a page only when it reads the page again. So after a failed build it reads every page.
book: .venv/book.installed node_modules/.book.installed _build/.contents
	@$(enough_disk)
	@[ -e _build/.succeeded ] || rm -rf _build/.doctrees
	@rm -f _build/.succeeded; started=$$(date +%s); \
	$(BIN)/jupyter-book build . -W -n --keep-going && touch _build/.succeeded && \
	echo && echo "The book is in _build/html, built in $$(($$(date +%s) - started)) s." \
		"Open _build/html/index.html, or run 'make serve'." || { $(enough_disk); exit 1; }

# The site, with the whole book as one PDF, printed by Chromium.
pdf: export WHOLE_BOOK = yes
pdf: book

serve: book
	@echo "The book is at http://localhost:8000 (Ctrl-C stops it)."
	@$(BIN)/python -m http.server 8000 --bind localhost --directory _build/html

# The tests that need no build, no browser and no Node.
PARALLEL := --numprocesses auto --dist worksteal --durations 15
check: lint
	$(BIN)/pytest $(PARALLEL) -m 'not integration' --ignore tests/site --ignore tests/live_demo

# A second make, since this one has read .venv/chromium before it exists.
test: chromium lint node_modules/.test.installed
	$(MAKE) pdf pytest

# Check every page of the site. The results are in _build/audit/index.html.
audit: chromium node_modules/.test.installed
	$(MAKE) pdf
	$(BIN)/python tests/site/audit.py

# The picture in the README.
picture: chromium
	$(MAKE) book
	"$$(cat .venv/chromium)" --headless --no-sandbox --hide-scrollbars --window-size=1280,800 --virtual-time-budget=9000 \
		--screenshot=.github/landing-page.png file://$(CURDIR)/_build/html/book/index.html

# The part of the audit for every change: each page is loaded once, and Lighthouse runs on five pages.
quick-audit: chromium node_modules/.test.installed
	$(MAKE) pdf
	$(BIN)/python tests/site/audit.py --quick

# Compare the results of all chapters on every Python and under other conditions.
matrix: .venv/test.installed
	$(BIN)/nox

# Benchmarks: build times; figures beside Plotly's own renderers; the live demo beside an empty control; sweeps beside
# torch.optim and JAX; sparse updates beside torch.optim; the rates of a model. pip install '.[oracle]' installs torch and
# JAX.
bench: chromium
	$(MAKE) book
	$(BIN)/python tests/site/bench_builds.py
	$(BIN)/python tests/site/bench_figures.py
	$(BIN)/python tests/site/bench_live_demo.py
	$(BIN)/python tests/adaptive_optim/bench_sweeps.py
	$(BIN)/python tests/adaptive_optim/bench_sparse.py
	$(BIN)/python tests/adaptive_optim/bench_inspection.py

pytest:
	$(BIN)/pytest $(PARALLEL)

chromium: .venv/test.installed
	$(BIN)/python tests/site/chromium.py .venv/chromium

# Other sites change at any time, so a broken link is reported but is no error.
links: book
	-$(BIN)/jupyter-book build . --builder custom --custom-builder linkcheck
	@echo "Links to other sites to check (from _build/linkcheck/output.txt):"
	@cat _build/linkcheck/output.txt

lint: .venv/test.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Update every pinned version. The three files have the same versions of what they share.
lock: .venv/test.installed
	$(call compile,test,tests/requirements.txt) --upgrade
	$(call compile,book,book/requirements.txt) --constraint tests/requirements.txt
	$(call compile,reader,requirements.txt) --upgrade --constraint tests/requirements.txt
	$(BIN)/npm update

compile = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" --extra $(1) --output-file $(2)

clean:
	rm -rf _build

# Sphinx does not delete pages and files that have left the book, and reads doctrees that other versions wrote.
_build/.contents: _toc.yml book/_static book/requirements.txt
	rm -rf _build/html _build/.doctrees
	@mkdir -p _build && touch $@

# Look for PYTHON on the user's PATH, without .venv/bin.
environment: export PATH := $(subst $(CURDIR)/$(BIN):,,$(PATH))
environment:
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); \
	case "$$version" in \
	3.11 | 3.12 | 3.13 | 3.14) $(PYTHON) -c 'from ensurepip import bootstrap' 2>/dev/null && exit; \
		wrong="cannot create virtual environments: on Debian and Ubuntu, install python3-venv" ;; \
	2.* | 3.? | 3.10) wrong="is Python $$version, which is too old" ;; \
	"") wrong="is not installed or does not start" ;; \
	*) wrong="is Python $$version, which is too new: the pinned NumPy has no wheel for it" ;; \
	esac; \
	echo "$(PYTHON) $$wrong. Use a Python from 3.11 to 3.14:" \
		"make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1
	@[ ! -s .venv/book.installed ] || echo "Creating .venv again: it was created for $$(cat .venv/book.installed)."
	@rm -f _build/.contents node_modules/.*.installed; $(PYTHON) -m venv --clear .venv $(or_explain)

.venv/book.installed: book/requirements.txt pyproject.toml
	@$(BIN)/python -m pip install --retries 2 --progress-bar on -r book/requirements.txt $(or_explain)
	@$(BIN)/python -m pip install --retries 2 --no-deps --editable . $(or_explain)
	@echo "$(call identity,$(BIN)/python)" > $@

.venv/test.installed: tests/requirements.txt .venv/book.installed
	@$(BIN)/python -m pip install --retries 2 -r tests/requirements.txt $(or_explain)
	@touch $@

node_modules/.book.installed: package-lock.json | .venv/book.installed
	@$(BIN)/npm ci --omit=dev $(or_explain)
	@touch $@

# npm ci deletes node_modules first. The packages for the tests include those for the book.
node_modules/.test.installed: package-lock.json | .venv/book.installed
	@$(BIN)/npm ci $(or_explain)
	@touch node_modules/.book.installed $@

# pip and npm report a missing network or a full disk in many lines.
or_explain = || { echo "The installation failed: see above. If there is no network or less than 2 GB of free disk," \
	"fix that and run make again: it continues from here." >&2; exit 1; }
enough_disk = df -Pk _build | awk 'NR == 2 && $$4 < 200000 { exit 1 }' || \
	{ echo "Less than 200 MB of disk are free. Free some space and run make again." >&2; exit 1; }
