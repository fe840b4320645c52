"""Well-known tools of other agents, played by a shell command.

A model that was trained with ``read_file`` calls it whether it is offered or not. What
it means is plain, so the client's shell does it. Only what a command does exactly is
here; what is not, such as an edit inside of a line, stays unknown to the model's loss.
"""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from codex_oss.translate.freeform import (
    heredoc_word,
    input_of,
    mend_patch,
    patch_command,
)
from codex_oss.translate.names import plain_key
from codex_oss.translate.repair import mend_arguments

LINES_SHOWN = 500
"""Lines of a search's or a list's result."""

Fields = dict[str, Any]
Play = Callable[[Fields], str | None]

_ALIASES: dict[str, tuple[str, ...]] = {
    "path": (
        "file_path", "filepath", "filename", "file", "file_name", "target_file",
        "absolute_path", "dir_path", "directory", "dir", "relative_workspace_path",
        "relative_path", "target_directory",
    ),
    "content": ("contents", "text", "file_text", "file_content", "code_edit", "data"),
    "pattern": ("query", "regex", "search", "glob_pattern", "search_pattern", "term"),
    "include": ("glob", "file_pattern", "include_pattern", "file_glob"),
    "offset": ("start_line", "start", "line_start", "line", "from_line"),
    "end": ("end_line", "line_end", "to_line", "end_line_one_indexed"),
    "limit": ("max_lines", "num_lines", "lines", "line_count", "count"),
    "old": ("old_string", "old_str", "old_text", "search", "find", "original"),
    "new": ("new_string", "new_str", "new_text", "replace", "replacement", "updated"),
    "plan": ("todos", "steps", "items", "tasks"),
    "step": ("content", "task", "title", "description", "text", "name"),
    "code": ("script", "source", "program", "input", "cmd", "command"),
}  # fmt: skip
"""A parameter, and the names that other agents have for it."""


def emulated(name: str, arguments: str) -> str | None:
    """Return the shell command that does what ``name`` does in other agents.

    None when it is not known, when its arguments do not say enough, or when a command
    would do something else. ``arguments`` may be broken as ``repair`` mends it.
    """
    key = plain_key(name)
    if key in _PATCHES:
        return _apply_patch(arguments)
    play = next((play for keys, play in PLAYED if key in keys), None)
    if play is None:
        return None
    given = mend_arguments(arguments, None)
    if given is None:
        return _run_python({"code": arguments}) if key in _PYTHON else None
    return play(msgspec.json.decode(given, type=dict[str, Any]))


# --- reading arguments -------------------------------------------------------------


def _value(fields: Fields, key: str) -> Any:
    for name in (key, *_ALIASES.get(key, ())):
        if name in fields:
            return fields[name]
    return None


def _text(fields: Fields, key: str) -> str:
    value = _value(fields, key)
    return value if isinstance(value, str) else ""


def _number(fields: Fields, key: str) -> int | None:
    value = _value(fields, key)
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def quoted(word: str) -> str:
    """Return ``word`` as one word of a shell; a home directory's ``~/`` stays."""
    import shlex  # noqa: PLC0415  only for a tool that is not offered

    if word.startswith("~/") and len(word) > len("~/"):
        return "~/" + shlex.quote(word[2:])
    return "~" if word in ("~", "~/") else shlex.quote(word)


def _operand(path: str) -> str:
    """Return a path that no program takes for an option."""
    return quoted(f"./{path}" if path.startswith("-") else path)


# --- reading files -----------------------------------------------------------------


def _read_file(fields: Fields) -> str | None:
    path = _text(fields, "path")
    if not path:
        return None
    start, end, limit = (_number(fields, key) for key in ("offset", "end", "limit"))
    first = max(start or 1, 1)
    if limit is not None and end is None:
        end = first + limit - 1
    if end is not None and end < first:
        end = None
    if first == 1 and end is None:
        return f"cat {_operand(path)}"
    return f"sed -n '{first},{end or '$'}p' {_operand(path)}"


def _list_dir(fields: Fields) -> str:
    path = _operand(_text(fields, "path") or ".")
    if _value(fields, "recursive") is True:
        return f"find {path} -name .git -prune -o -print | head -n {LINES_SHOWN}"
    return f"ls -la {path}"


def _grep(fields: Fields) -> str | None:
    pattern = _text(fields, "pattern")
    if not pattern:
        return None
    options = "-rnIE --exclude-dir=.git"
    if include := _text(fields, "include"):
        options += f" --include={quoted(include.removeprefix('**/'))}"
    folded = ("ignore_case", "case_insensitive", "-i")
    if any(fields.get(key) is True for key in folded):
        options += " -i"
    path = _operand(_text(fields, "path") or ".")
    return f"grep {options} -e {quoted(pattern)} {path} | head -n {LINES_SHOWN}"


def _glob(fields: Fields) -> str | None:
    pattern = _text(fields, "pattern") or _text(fields, "include")
    if not pattern:
        return None
    path = _text(fields, "path") or "."
    name = pattern.removeprefix("./").removeprefix("**/")
    if "/" in name:
        wide = name.replace("**/", "*").replace("**", "*")  # its `*` takes slashes too
        test = f"-path {quoted('*/' + wide)}"
    else:
        test = f"-name {quoted(name)}"
    found = f"find {_operand(path)} -name .git -prune -o {test} -print"
    return f"{found} | head -n {LINES_SHOWN}"


# --- writing files -----------------------------------------------------------------


def _write_file(fields: Fields) -> str | None:
    path, content = _text(fields, "path"), _value(fields, "content")
    if not path or not isinstance(content, str) or "\0" in content:
        return None
    folder = path.rpartition("/")[0]
    command = f"mkdir -p {_operand(folder)} && " if folder else ""
    if not content:
        return f"{command}: > {_operand(path)}"
    text = content.removesuffix("\n")
    word = heredoc_word(text)
    return f"{command}cat > {_operand(path)} <<'{word}'\n{text}\n{word}\n"


_EDIT = """\
import os
path, old, new, times = os.path.expanduser({path}), {old}, {new}, {times}
with open(path, encoding="utf-8", newline="") as file:
    text = file.read()
found = text.count(old)
if found != 1 and not (found and times < 0):
    raise SystemExit(f"{{path}}: the old text is there {{found}} times, not once")
with open(path, "w", encoding="utf-8", newline="") as file:
    file.write(text.replace(old, new, times))
print(f"Edited {{path}}")"""
"""A patch cannot do this: it replaces lines, also where only their words agree, and so
loses the indentation in front of a part of a line."""


def _replace(fields: Fields) -> str | None:
    path, old, new = (_value(fields, key) for key in ("path", "old", "new"))
    texts = isinstance(path, str) and isinstance(old, str) and isinstance(new, str)
    if not (texts and path and old):
        return None
    everywhere = fields.get("replace_all") is True
    literals = {"path": path, "old": old, "new": new, "times": -1 if everywhere else 1}
    shown = {key: msgspec.json.encode(each).decode() for key, each in literals.items()}
    return _run_python({"code": _EDIT.format(**shown)})


def _editor(fields: Fields) -> str | None:
    """Return what a ``str_replace_editor`` of Anthropic's kind is told to do."""
    match fields.get("command"):
        case "view":
            match fields.get("view_range"):
                case [int() as start, int() as end]:
                    return _read_file(fields | {"offset": start, "end": end})
                case _:
                    return _read_file(fields)
        case "create":
            return _write_file(fields)
        case "str_replace":
            return _replace(fields)
        case _:
            return None


def _apply_patch(arguments: str) -> str | None:
    patch = mend_patch(input_of(arguments))
    if not patch.lstrip().startswith("*** Begin Patch"):
        return None
    return patch_command(patch)


# --- the rest ----------------------------------------------------------------------

_MARKS = {"completed": "[x]", "done": "[x]", "in_progress": "[>]", "active": "[>]"}


def _update_plan(fields: Fields) -> str | None:
    given = _value(fields, "plan")
    if not isinstance(given, list):
        return None
    lines: list[str] = []
    for step in cast("list[object]", given):
        match step:
            case str():
                lines.append(f"[ ] {step}")
            case dict():
                entry = cast("Fields", step)
                mark = _MARKS.get(str(entry.get("status")), "[ ]")
                lines.append(f"{mark} {_text(entry, 'step')}")
            case _:
                return None
    return "printf '%s\\n' " + " ".join(map(quoted, [*lines, "Plan updated"]))


def _run_python(fields: Fields) -> str | None:
    code = _text(fields, "code")
    if not code.strip() or "\0" in code:
        return None
    word = heredoc_word(code)
    return f"python3 - <<'{word}'\n{code.removesuffix(chr(10))}\n{word}\n"


_PATCHES = frozenset(("applypatch", "applypatchtool", "patch", "applydiff"))
_PYTHON = frozenset(("python", "python3", "runpython", "executepython", "pythonexec"))

PLAYED: tuple[tuple[frozenset[str], Play], ...] = (
    (
        frozenset((
            "readfile", "read", "cat", "openfile", "viewfile", "view", "getfile",
            "readtextfile", "filesread", "getfilecontents", "readfilecontent",
        )),
        _read_file,
    ),
    (
        frozenset((
            "listdir", "ls", "listdirectory", "listfiles", "dir", "listdirectories",
            "listfolder", "listdirtool", "readdir", "readdirectory",
        )),
        _list_dir,
    ),
    (
        frozenset((
            "grep", "grepsearch", "grepfiles", "greptool", "search", "searchfiles",
            "searchfilecontent", "searchtext", "searchcode", "rg", "ripgrep",
            "searchinfiles",
        )),
        _grep,
    ),
    (
        frozenset((
            "glob", "globtool", "globsearch", "globfiles", "find", "findfiles",
            "filesearch", "findfile", "searchfilenames",
        )),
        _glob,
    ),
    (
        frozenset((
            "writefile", "write", "createfile", "savefile", "writetofile",
            "createnewfile", "filewrite", "newfile",
        )),
        _write_file,
    ),
    (
        frozenset((
            "strreplace", "replace", "edit", "editfile", "searchreplace",
            "replaceinfile", "replacestringinfile", "fileedit", "strreplacebasededit",
        )),
        _replace,
    ),
    (
        frozenset((
            "strreplaceeditor", "strreplacebasededittool", "texteditor", "editor",
        )),
        _editor,
    ),
    (
        frozenset((
            "updateplan", "plan", "updatetodo", "updatetodos", "todowrite",
            "writetodos", "setplan", "makeplan", "todo",
        )),
        _update_plan,
    ),
    (_PYTHON, _run_python),
)  # fmt: skip
"""Names without signs, and what plays them."""
