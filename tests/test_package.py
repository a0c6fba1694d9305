"""The package as a whole: importing it is light, imports only run down, every example is right."""

import ast
import doctest
import functools
import importlib
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
    light = "sampling, similarity, datasets, search, evaluation, tools.lab".split(", ")
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


def test_version_is_that_of_the_project():
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{course_utils.__version__}"\n' in text


# ---- the layers --------------------------------------------------------------------------------


def place(path):
    """``(room, module)`` of a file: the wing's name, or "lesson" for the flat files."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ("lesson", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


@functools.cache
def imported(path):
    """The course's own files that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # "from a.b import c": c may be a module or a thing inside a.b
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] != "course_utils":
                continue
            while parts:
                folder = PACKAGE.joinpath(*parts[1:])
                hits = [
                    f for f in (folder.with_suffix(".py"), folder / "__init__.py") if f in FILES
                ]
                if hits:
                    found |= {hits[0]} - {PACKAGE / "__init__.py"}
                    break
                parts.pop()
    return frozenset(found)


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
    """So each lesson has an order in which it can be read: it stands on earlier ones only."""
    rest = {path: set(imported(path)) - {path} for path in FILES if path.name != "__init__.py"}
    while rest:
        free = [path for path, needs in rest.items() if not needs & rest.keys()]
        assert free, f"these import each other: {sorted(str(p.relative_to(PACKAGE)) for p in rest)}"
        for path in free:
            del rest[path]


def test_nothing_imports_a_notebook_or_a_test():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"notebooks", "tests", "images"}


# ---- what every file keeps ---------------------------------------------------------------------


def dotted(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


@every_file
def test_the_examples_in_docstrings_are_right(path):
    if path.name != "__main__.py":
        assert doctest.testmod(importlib.import_module(dotted(path))).failed == 0


@every_file
def test_every_public_function_and_class_says_what_it_does(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    kinds = (ast.FunctionDef, ast.ClassDef)
    public = [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    assert [n.name for n in public if n.name != "main" and not ast.get_docstring(n)] == []


def functions(path):
    """Every function and method of a file, those inside functions too."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, kinds)
    ]


def test_functions_are_short():
    """At most eight of over 30 lines, none of over 60."""
    long = {
        f"{dotted(path)}.{f.name}": f.end_lineno - f.lineno + 1
        for path in FILES
        for f in functions(path)
    }
    long = {name: lines for name, lines in long.items() if lines > 30}
    assert len(long) <= 8 and max(long.values(), default=0) <= 60, long
