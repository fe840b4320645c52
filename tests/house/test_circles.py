"""House rules on imports: no circles, and one door to programs."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"


def name_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in SRC.rglob("*.py")}


def imported(name: str) -> set[str]:
    """Return what a module imports of ours: late, and for annotations alone, too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{each.name}" for each in node.names}
            found |= inside & MODULES.keys()
            if inside - MODULES.keys():
                found.add(node.module)
    return (found & MODULES.keys()) - {name}


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_is_imported_by_what_it_imports() -> None:
    assert circle({name: imported(name) for name in MODULES}) == []


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []


STARTS = {"run", "Popen", "call", "check_call", "check_output", "getoutput"}


def started(path: Path) -> set[str]:
    """Return the functions by which a module starts programs."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())))
    named = {ast.unparse(call.func) for call in calls if isinstance(call, ast.Call)}
    return {
        name
        for name in named
        if name in {f"subprocess.{each}" for each in STARTS}
        or name.startswith(("asyncio.create_subprocess", "os.exec", "os.posix_spawn"))
    }


def test_programs_are_started_in_one_package() -> None:
    doors = {name for name, path in MODULES.items() if started(path)}
    assert {name for name in doors if ".process." not in name} == set()
    assert "codex_oss.process.aside" in doors
