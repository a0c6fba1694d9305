# Two commands: `make lab` opens the course, `make test` proves that it works.
# Both make the environment .venv when it is missing, damaged or out of date.
#
#   make lab PORT=9000                     another port
#   make lab LISTEN=0.0.0.0                in a container: reachable from outside, with the token
#   make test TESTS=tests/test_lab.py      some of the tests
#   make PYTHON=python3.12 lab             the interpreter that a new .venv is made from

PYTHON ?= python3
PY     := .venv/bin/python
STAMP  := .venv/.installed
IN_TWO := $(PY) -m pytest -n 2 --dist loadscope --durations=20 --durations-min=1

# An active environment, a search path or pip settings of the caller's must not leak into ours.
# (PYTHONOPTIMIZE takes every assert away, PYTHONSTARTUP runs the caller's own file in kernels,
# with PYTHONDONTWRITEBYTECODE every process translates all tests anew.)
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONOPTIMIZE PYTHONSTARTUP MPLBACKEND
unexport PYTHONDONTWRITEBYTECODE
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_NO_DEPS PIP_CONSTRAINT PIP_DRY_RUN
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help lab test browser lint outputs images slides site scores release handout solutions bench pins FORCE
.DELETE_ON_ERROR:

# JupyterLab with your copy of the first notebook, in my-course.
lab: $(STAMP)
	@$(PY) -m course_utils.tools.lab $(if $(PORT),--port $(PORT)) $(if $(LISTEN),--listen $(LISTEN))

# The unit tests and every cell of every notebook, in two processes.
test: $(STAMP)
	@$(IN_TWO) -p tests.kernel_memory $(or $(TESTS),-m "not browser")

# What only a browser can see: widgets in the notebooks, slides, pages. Needs a Chromium.
browser: $(STAMP)
	@$(IN_TWO) -m browser tests

# The style of the code.
lint: $(STAMP)
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

# One HTML file per notebook, build/slides/NAME.slides.html, which needs nothing else.
slides: $(STAMP)
	@$(PY) -m course_utils.slides $(NOTEBOOKS)

# The course as web pages, build/site or TO=FOLDER; REPOSITORY=https://... for "report" links.
site: $(STAMP)
	@$(PY) -m course_utils.tools.site $(if $(TO),--to "$(TO)") $(if $(REPOSITORY),--repository "$(REPOSITORY)")

# For a class: what is in FOLDER=..., a folder or notebook for each student, as one CSV line each.
scores: $(STAMP)
	@$(PY) -m course_utils.tools.scores "$(or $(FOLDER),$(error name what the class handed in: FOLDER=...))"

# Before a release: is the version the same everywhere, are all outputs stored?
release: $(STAMP)
	@$(PY) -m course_utils.tools.release

# For a class: the course without its solutions, in build/handout or TO=FOLDER.
# REPLACE=1 first moves away what is in that folder.
handout: $(STAMP)
	@$(PY) -m course_utils.tools.handout $(if $(TO),--to "$(TO)") $(if $(REPLACE),--replace)

# For instructors: the notebooks with all exercises solved, in build/solutions or TO=FOLDER.
solutions: $(STAMP)
	@$(PY) -m course_utils.tools.handout --solutions $(if $(TO),--to "$(TO)") $(if $(REPLACE),--replace)

# Runs notebooks and stores their outputs; NOTEBOOKS=notebooks/01_... for some.
outputs: $(STAMP)
	@$(PY) -m course_utils.tools.outputs $(NOTEBOOKS)

# Draws the course's pictures again.
images: $(STAMP)
	@$(PY) images/draw.py

# The course's speed compared with the field's libraries; on an idle machine.
# ROWS="encode search" for some rows, QUICK=1 for a smoke test.
bench: $(STAMP)
	@$(PY) tests/benchmarks $(ROWS) $(if $(QUICK),--quick)

# Everything at its newest; if all tests pass, the versions go into requirements and constraints.
# If they fail, the next make goes back to the old pins, as the stamp is gone.
pins: $(STAMP)
	@rm $(STAMP)
	sed 's/==[0-9.]*\.\*//' requirements.txt > .venv/unpinned.txt
	$(PY) -m pip install --quiet --upgrade --requirement .venv/unpinned.txt
	$(PY) -m pytest
	@$(PY) -P course_utils/tools/environment.py --pins

# This list.
help:
	@awk '/^#/ { if (!about) about = substr($$0, 3); next } \
	  /^[a-z]+:/ { split($$1, name, ":"); if (about) printf "make %-10s %s\n", name[1], about } \
	  { about = "" }' Makefile

# ---- The environment: course_utils/tools/environment.py ---------------------------------------

# (Before make 4.4 a $(shell) gets the caller's variables in spite of unexport.)
ifneq ($(shell PYTHONPATH= PYTHONHOME= PYTHONOPTIMIZE= $(PY) -P course_utils/tools/environment.py --works 2>/dev/null),yes)
$(STAMP): FORCE
endif

$(STAMP): requirements.txt pyproject.toml $(wildcard constraints.txt requirements-models.txt)
	@$(PYTHON) course_utils/tools/environment.py
