"""What a package looks like from outside: knots of rooms, arrows back up, long functions, loose files.

`python -m benchmarks.house` prints it. A room is a folder or a loose file; an arrow is that a module of one
room imports a module of another. Imports for types alone count, too.
"""

import argparse
import ast
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from types import FrameType

import grimp

from llmri_protocol.operations import OPERATIONS

LONG_MODULE = 300  # lines
VIEWER = "llmri_viewer"
FLOORS: tuple[tuple[str, ...], ...] = (
    ("model",),
    ("views",),
    ("commands",),
    ("files", "connection"),
    ("drawing", "input", "cluster_job"),
    ("app",),
    ("scripts",),
    ("command",),
)
"""The viewer's floors, the lowest first; rooms of one floor do not know each other."""
Arrows = Mapping[str, frozenset[str]]


def folder_of(package: str) -> Path:
    """Return where a package's files are."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"there is no package {package} here; install it, or put it on PYTHONPATH")
    return Path(spec.origin).parent


def modules(package: str) -> Iterator[Path]:
    """Yield a package's files."""
    yield from sorted(folder_of(package).rglob("*.py"))


def imports(package: str) -> Arrows:
    """Return what each module imports of its own package."""
    graph = grimp.build_graph(package, cache_dir=None)
    return {module: frozenset(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def knots(arrows: Arrows) -> list[frozenset[str]]:
    """Return the groups of rooms that import each other in a circle, in any folder, the largest first."""
    folders = {above for module in arrows for above in _folders(module)}
    found = [group for folder in sorted(folders) for group in circles(siblings(arrows, folder))]
    return sorted(found, key=lambda each: (-len(each), sorted(each)))


def _folders(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def siblings(arrows: Arrows, folder: str) -> Arrows:
    """Return which of the rooms and loose files of a folder import from which others of them."""
    found: dict[str, set[str]] = {}
    for module, targets in arrows.items():
        here = _child(module, folder)
        if here is not None:
            there = {child for target in targets if (child := _child(target, folder)) is not None}
            found.setdefault(here, set()).update(there - {here})
    return {here: frozenset(there) for here, there in found.items()}


def _child(module: str, folder: str) -> str | None:
    """Return the room or file below a folder that a module is in; the folder's own `__init__` is one."""
    if module == folder:
        return folder
    below = module.removeprefix(f"{folder}.")
    return None if below == module else f"{folder}.{below.partition('.')[0]}"


def circles(arrows: Arrows) -> list[frozenset[str]]:
    """Return the groups whose members reach each other (strongly connected components of two or more)."""
    reach = {one: _reached(arrows, one) for one in arrows}
    groups = {frozenset(other for other in reach[one] if one in reach[other]) for one in arrows}
    return [group for group in groups if len(group) > 1]


def _reached(arrows: Arrows, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = arrows.get(waiting.pop(), frozenset()) - seen
        seen |= fresh
        waiting.extend(fresh)
    return seen


def arrows_up(arrows: Arrows, package: str = VIEWER) -> list[tuple[str, str]]:
    """Return the imports that go to a higher floor, or to another room of the same one."""
    floor = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    found = []
    for module, targets in sorted(arrows.items()):
        for target in sorted(targets):
            here, there = (_top(each, package) for each in (module, target))
            if here in floor and there in floor and here != there and floor[there] >= floor[here]:
                found.append((module, target))
    return found


def _top(module: str, package: str) -> str:
    return module.removeprefix(f"{package}.").partition(".")[0]


@dataclass(frozen=True)
class Comparison:
    """Where a view's name is compared."""

    file: Path
    line: int


def comparisons(package: str = VIEWER) -> list[Comparison]:
    """Return where the name of the shown view is compared, or looked up, outside `views/`."""
    folder = folder_of(package)
    return [
        Comparison(file, line)
        for file in modules(package)
        if file.relative_to(folder).parts[0] != "views"
        for line in sorted(_compared(ast.parse(file.read_text())))
    ]


def _compared(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left, _, others) if any(map(_is_view_name, (left, *others))):
                yield node.lineno
            case ast.Match(subject, cases) if _is_view_name(subject):
                yield from (each.pattern.lineno for each in cases)
            case ast.Subscript(_, index) if _is_view_name(index):
                yield node.lineno


def _is_view_name(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(_, "view" | "view_mode"):
            return isinstance(node.value, ast.Name | ast.Attribute)
        case ast.Name("view" | "view_mode"):
            return True
        case _:
            return False


def function_lengths(package: str) -> list[int]:
    """Return how many lines each function has."""
    trees = (ast.parse(file.read_text()) for file in modules(package))
    defined = (node for tree in trees for node in ast.walk(tree))
    functions = (node for node in defined if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def long_modules(package: str) -> list[tuple[Path, int]]:
    """Return the files of more than 300 lines."""
    sizes = ((file, len(file.read_text().splitlines())) for file in modules(package))
    return [(file, lines) for file, lines in sizes if lines > LONG_MODULE]


def at_root(package: str) -> list[str]:
    """Return the rooms and loose files at a package's root."""
    folder = folder_of(package)
    loose = [file.stem for file in folder.glob("*.py") if file.stem != "__init__"]
    held = [file.parent.name for file in folder.glob("*/*.py") if file.stem == "__init__"]
    return sorted({*loose, *held})


OPERATION_PLACES = (
    "llmri_protocol/operations.py",
    "llmri_server/torch_runtime/interventions/steps.py",
    "llmri_server/llama_runtime/interventions/steps.py",
)
"""Where an operation may be named by a string: the table, and one file of steps an engine."""


def operation_names(packages: Sequence[str]) -> list[tuple[str, int]]:
    """Return where a product's modules name an edit operation by a string: package, file and line.

    Counted are comparisons and matches of an `op`, an argument of that name, and collections of nothing but
    operations.
    """
    found = []
    for package in packages:
        folder = folder_of(package)
        for file in modules(package):
            name = f"{package}/{file.relative_to(folder).as_posix()}"
            found += [(name, line) for line in sorted({*_operations_in(ast.parse(file.read_text()))})]
    return found


def _operations_in(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left, _, others) if _is_op(left) and any(map(_names_operation, others)):
                yield node.lineno
            case ast.Match(subject, cases) if _is_op(subject):
                yield from (each.pattern.lineno for each in cases if _names_operation(each.pattern))
            case ast.keyword("op", value) if _names_operation(value):
                yield node.value.lineno
            case ast.Tuple(items) | ast.List(items) | ast.Set(items) if len(items) > 1 and all(
                map(_names_operation, items)
            ):
                yield node.lineno
            case ast.Dict(keys, _) if len(keys) > 1 and all(
                key is not None and _names_operation(key) for key in keys
            ):
                yield node.lineno
            case _:
                pass


def _is_op(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "op"


def _names_operation(node: ast.AST) -> bool:
    """Whether a node is, or holds, the name of an operation."""
    return any(isinstance(each, ast.Constant) and each.value in OPERATIONS for each in ast.walk(node))


def files_run(run: Callable[[], object], packages: Sequence[str]) -> list[str]:
    """Return the product files whose functions run in this thread meanwhile, module bodies left out."""
    folders = {folder_of(package): package for package in packages}
    seen: set[str] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            seen.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return sorted(
        f"{package}/{Path(name).relative_to(folder).as_posix()}"
        for name in seen
        for folder, package in folders.items()
        if Path(name).is_relative_to(folder)
    )


Prepared = Callable[[], Callable[[], object]]


def files_run_of(prepare: Prepared) -> list[str]:
    """Return the product files whose functions run on a way that is prepared first."""
    return files_run(prepare(), PACKAGES)


PACKAGES = ("llmri", "llmri_protocol", "llmri_clustering", "llmri_server", "llmri_look", VIEWER)


def report(package: str) -> Iterator[str]:
    """Yield a package's figures, a line each."""
    arrows = imports(package)
    lengths = function_lengths(package)
    found = knots(arrows)
    yield f"{package}: {len(arrows)} modules, {len(at_root(package))} rooms and loose files at the root"
    yield f"  knots of rooms: {len(found)}"
    yield from (f"    {', '.join(sorted(knot))}" for knot in found)
    yield f"  functions: median {median(lengths):g} lines, p90 {quantiles(lengths, n=10)[-1]:g}"
    yield f"  modules over {LONG_MODULE} lines: {len(long_modules(package))}"
    if package == VIEWER:
        up, compared = arrows_up(arrows), comparisons()
        yield f"  arrows back up: {len(up)}"
        yield from (f"    {module} -> {target}" for module, target in up)
        yield f"  comparisons of a view's name outside views/: {len(compared)}"
        yield from (f"    {each.file.relative_to(folder_of(VIEWER))}:{each.line}" for each in compared)


def main() -> int:
    """Print the figures of some packages, by default of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument(
        "--ways", action="store_true", help="run a turn, an edit and a picture, and count files"
    )
    given = parser.parse_args()
    for package in given.packages:
        print("\n".join(report(package)))
    named = operation_names(given.packages)
    files = sorted({file for file, _ in named} - {*OPERATION_PLACES})
    print(f"modules that name an operation by a string, beside the table and the steps: {len(files)}")
    print("".join(f"  {file}:{line}\n" for file, line in named if file in files), end="")
    if given.ways:
        from benchmarks.house_ways import WAYS  # noqa: PLC0415 - it loads both engines and a viewer

        for name, run in WAYS.items():
            passed = files_run_of(run)
            print(f"{name}: {len(passed)} files")
            print("".join(f"  {file}\n" for file in passed), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
