"""The package as a whole: importing it is light, imports only run down, every example is right."""

import ast
import doctest
import functools
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import course_utils

PACKAGE = Path(course_utils.__file__).parent
FILES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if not {"solutions", "assets", "__pycache__"} & set(path.parts)
)
every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
# A wing may import from the wings below it: tools and slides, then these, then lessons, internal.
TOP, MIDDLE = {"tools", "slides"}, {"widgets", "exercises", "engines", "pretraining"}


def loaded_after(statement):
    """Names of the top-level modules that are loaded after ``statement``, in a fresh Python."""
    code = f"{statement}\nimport sys; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_else():
    found = loaded_after("import course_utils")
    heavy = {"torch", "transformers", "sentence_transformers", "numpy", "matplotlib", "pyarrow"}
    assert "course_utils" in found
    assert not found & heavy


def test_importing_the_light_modules_loads_no_torch():
    light = "sampling, similarity, datasets, search, evaluation".split(", ")
    found = loaded_after("; ".join(f"import course_utils.{name}" for name in light))
    assert not found & {"torch", "transformers", "sentence_transformers", "matplotlib"}


def test_what_is_optional_is_loaded_when_it_is_used():
    found = loaded_after("import course_utils.engines, course_utils.encoders, course_utils.widgets")
    assert not found & {
        "faiss",
        "qdrant_client",
        "playwright",
        "nbconvert",
        "sentence_transformers",
    }


def test_the_map_names_every_room():
    rooms = {path.stem for path in PACKAGE.glob("[!_]*.py")}
    rooms |= {f"{path.name}/" for path in PACKAGE.glob("[!_]*/")}
    assert rooms <= set(re.findall(r"[\w/]+", course_utils.__doc__))
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    assert rooms <= set(re.findall(r"`([\w/]+)`", readme))


# ---- the layers --------------------------------------------------------------------------------


def place(path):
    """``(room, module)`` of a file: the wing's name, or "lesson" for the flat files."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ("lesson", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


@functools.cache
def tree(path):
    """A file as Python's own syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_names(node):
    """What an import statement names, with dots; nothing for any other statement."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        # "from a.b import c": c may be a module or a thing inside a.b
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def file_of(name):
    """The course's own file that ``name`` is in, or None: ``course_utils.a.b.thing`` -> a/b.py."""
    first, *parts = name.split(".")
    while first == "course_utils" and parts:
        folder = PACKAGE.joinpath(*parts)
        for path in (folder.with_suffix(".py"), folder / "__init__.py"):
            if path in FILES:
                return path
        parts.pop()
    return None


@functools.cache
def imported(path):
    """The course's own files that a file imports, at its top or inside a function."""
    names = [name for node in ast.walk(tree(path)) for name in imported_names(node)]
    return frozenset(map(file_of, names)) - {None}


def allowed(room):
    """The rooms that a file of ``room`` may import from."""
    if room == "internal":
        return {"internal"}
    if room == "lesson":
        return {"internal", "lesson"}
    if room in MIDDLE:
        return {"internal", "lesson", room}
    return {"internal", "lesson", room} | MIDDLE | TOP


def test_every_folder_is_a_known_room():
    assert {place(path)[0] for path in FILES} == TOP | MIDDLE | {"lesson", "internal"}


@every_file
def test_imports_only_run_down(path):
    room = place(path)[0]
    wrong = {place(other) for other in imported(path) if place(other)[0] not in allowed(room)}
    assert not wrong


def test_no_circle_among_the_modules():
    """So the lessons have an order in which they can be read: each needs earlier ones only."""
    rest = {path: set(imported(path)) - {path} for path in FILES if path.name != "__init__.py"}
    while rest:
        free = [path for path, needs in rest.items() if not needs & rest.keys()]
        assert free, f"these import each other: {sorted(str(p.relative_to(PACKAGE)) for p in rest)}"
        for path in free:
            del rest[path]


@every_file
def test_nothing_imports_a_notebook_a_test_or_a_pickle(path):
    names = [name for node in ast.walk(tree(path)) for name in imported_names(node)]
    wrong = {"notebooks", "tests", "images", "pickle", "cPickle", "dill", "joblib"}
    assert not {name.split(".")[0] for name in names} & wrong


# ---- what every file keeps ---------------------------------------------------------------------


def dotted(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


@every_file
def test_the_examples_in_docstrings_are_right(path):
    if path.name != "__main__.py":
        assert doctest.testmod(importlib.import_module(dotted(path))).failed == 0


@every_file
def test_every_public_function_and_class_says_what_it_does(path):
    assert ast.get_docstring(tree(path))
    kinds = (ast.FunctionDef, ast.ClassDef)
    public = [n for n in tree(path).body if isinstance(n, kinds) and not n.name.startswith("_")]
    assert [n.name for n in public if n.name != "main" and not ast.get_docstring(n)] == []


# ---- the package in numbers: python -m pytest tests/test_package.py -s prints them ---------------


def functions(path):
    """Every function and method of a file, those inside functions too."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def long_functions():
    """``{name: lines}`` of the functions over 30 lines."""
    sizes = {
        f"{dotted(path)}.{f.name}": f.end_lineno - f.lineno + 1
        for path in FILES
        for f in functions(path)
    }
    return {name: lines for name, lines in sizes.items() if lines > 30}


def imports_inside():
    """``(file, line)`` of each import statement inside a function."""
    found = {
        (dotted(path), node.lineno)
        for path in FILES
        for f in functions(path)
        for node in ast.walk(f)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return sorted(found)


def step_comments(path):
    """The lines of a lesson that are a comment on their own: what the next lines do."""
    lines = path.read_text(encoding="utf-8").splitlines()
    steps = [line.strip() for line in lines if line.startswith("    ") and "# " in line]
    return [line for line in steps if line.startswith("# ")]


def own_names(path):
    """Private names that a file itself defines, or gets from a file of the course."""
    found = set()
    for node in ast.walk(tree(path)):
        found |= {getattr(node, "name", None), getattr(node, "arg", None)}
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(getattr(node, "attr", None) or node.id)
    return found


# Names with an underscore that the standard library documents for everybody's use.
DOCUMENTED = {"_replace", "_asdict", "_fields"}


def private_names():
    """``(file, name)`` of each private name of another library: ``thing._hidden``."""
    own = {name for path in FILES for name in own_names(path)}
    return sorted(
        {
            (dotted(path), node.attr)
            for path in FILES
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute)
            and re.match(r"_(?!_|repr_)", node.attr)
            and node.attr not in own | DOCUMENTED
        }
    )


LESSONS = sorted(PACKAGE.glob("*.py"))
# what is measured, the limit, how it is found: a number, or a list of what to change
TABLE = [
    ("files at the top of the package", "<=", 14, lambda: LESSONS),
    (
        "lines of the lessons",
        "<=",
        1900,
        lambda: sum(len(p.read_text(encoding="utf-8").splitlines()) for p in LESSONS),
    ),
    (
        "step comments in the lessons",
        ">=",
        150,
        lambda: sum(len(step_comments(p)) for p in LESSONS),
    ),
    ("imports inside functions", "<=", 25, imports_inside),
    ("private names of other libraries", "<=", 1, private_names),
    ("functions over 30 lines", "<=", 8, long_functions),
    ("lines of the longest function", "<=", 60, lambda: max(long_functions().values(), default=0)),
]


@pytest.mark.parametrize("what, sign, limit, measure", TABLE, ids=[row[0] for row in TABLE])
def test_the_package_stays_small(what, sign, limit, measure):
    found = measure()
    number = found if isinstance(found, int) else len(found)
    print(f"\n{what}: {number} ({sign} {limit})", end=" ")
    assert number <= limit if sign == "<=" else number >= limit, found


def test_threads_sleep_while_they_wait():
    code = "import course_utils, os; print(os.environ['OMP_WAIT_POLICY'])"
    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for chosen in ({}, {"OMP_WAIT_POLICY": "ACTIVE"}):
        run = [sys.executable, "-c", code]
        printed = subprocess.run(run, env=env | chosen, capture_output=True, text=True, check=True)
        assert printed.stdout.strip() == chosen.get("OMP_WAIT_POLICY", "PASSIVE")
