"""The floors of the house: who may import whom, read from the sources.

`python -m tests.test_architecture` prints them.
"""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

FLOORS = {
    "schemas": set(),
    "reporting": {"schemas"},
    "public_data": {"schemas", "reporting"},
    "serving": {"schemas", "reporting"},
    "model": {"schemas"},
    "components": {"schemas", "reporting", "serving", "model"},
    "pipeline": {"schemas", "reporting", "model", "serving", "public_data", "components"},
    "experiments": {"schemas", "reporting", "model", "serving", "public_data", "components", "pipeline"},
    "cli": {"schemas", "reporting", "model", "serving", "public_data", "components", "pipeline", "experiments"},
}
"""Each folder, from the ground up, and the folders below it that it may import from."""

HEAVY = ("tensorflow", "tf_keras", "apache_beam", "tfx", "ml_metadata", "sklearn", "optuna")


def find_modules() -> dict[str, pathlib.Path]:
    """Returns the source file of each module of the floors, by its dotted name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for floor in FLOORS
        for path in sorted((ROOT / floor).rglob("*.py"))
    }


def find_imports(module: str, path: pathlib.Path, modules: dict[str, pathlib.Path]) -> set[str]:
    """Returns the modules of the floors that a module names in an import, wherever in the file it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (whole & set(modules)) or {node.module}
    return {name for name in found if name in modules and name != module}


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    modules = find_modules()
    return {module: find_imports(module, path, modules) for module, path in modules.items()}


def find_circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Returns the strongly connected components of more than one module (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    circles = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            circle = [stack.pop()]
            while circle[-1] != module:
                circle.append(stack.pop())
            if len(circle) > 1:
                circles.append(sorted(circle))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return circles


def upward_imports(graph: dict[str, set[str]]) -> list[str]:
    """Returns each import of a module from a floor that is not below its own."""
    return [
        f"{module} imports {other}"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if (here := module.split(".")[0]) != (there := other.split(".")[0]) and there not in FLOORS[here]
    ]


def test_nothing_imports_upwards(graph):
    assert upward_imports(graph) == []


def test_there_is_no_import_circle(graph):
    assert find_circles(graph) == []


def test_both_checks_find_what_they_look_for():
    graph = {"model.a": {"model.b"}, "model.b": {"model.c", "cli.main"}, "model.c": {"model.a"}, "cli.main": set()}
    assert find_circles(graph) == [["model.a", "model.b", "model.c"]]
    assert upward_imports(graph) == ["model.b imports cli.main"]


def test_every_folder_of_code_is_a_floor():
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders - {"tests", "benchmarks"} == set(FLOORS)


NOT_IMPORTED = {
    "pipeline.config": HEAVY,
    "cli.main": HEAVY,
    "experiments.runs.worker": ("tfx", "apache_beam"),
    "pipeline.pipeline": ("google.cloud.aiplatform",),
}
"""Packages that must not be imported with a module: a person waits for its process to start."""


@pytest.mark.parametrize("module", NOT_IMPORTED)
def test_nothing_heavy_is_imported_where_a_process_begins(module):
    code = f"import sys, {module}; print(*[name for name in {NOT_IMPORTED[module]} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def main() -> None:
    """Prints each floor with its files, its lines and the floors that it imports from."""
    modules = find_modules()
    graph = {module: find_imports(module, path, modules) for module, path in modules.items()}
    for floor in reversed(FLOORS):
        inside = [module for module in modules if module.split(".")[0] == floor]
        lines = sum(len(modules[module].read_text(encoding="utf-8").splitlines()) for module in inside)
        below = {other.split(".")[0] for module in inside for other in graph[module]} - {floor}
        imported = ", ".join(other for other in FLOORS if other in below)
        print(f"{floor:12} {len(inside):4} files {lines:6,} lines  imports {imported}")
    print(f"upward imports: {len(upward_imports(graph))}, circles: {len(find_circles(graph))}")


if __name__ == "__main__":
    main()
