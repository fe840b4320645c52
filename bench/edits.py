"""How many edits land at the first try, as small models really write them.

    .venv/bin/python bench/edits.py                 # a table of near-edits, by form
    .venv/bin/python bench/edits.py MODEL.gguf      # and a real model on its own

Each case is one change to one file with one thing wrong in how it was sent, in each
form that it can be sent in. Beside ours stands what a strict tool makes of the same
call: the text must be in the file exactly once, and the patch is the Codex CLI's own
program's (`CODEX_BIN`). A case that can mean only one thing should land; one that
cannot must be refused with the file untouched. A file that is anything but what it was
or what was asked for is destroyed: there must be none.

The model gets tasks with `exec`, as a person would send them. It is watched for what it
destroys, not for its wits.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from codex_oss.agent import calls  # noqa: E402  found just above
from codex_oss.errors import ToolError  # noqa: E402
from codex_oss.items import FunctionCall  # noqa: E402
from codex_oss.policy import Permissions  # noqa: E402
from codex_oss.ports import Scope, Tool  # noqa: E402
from codex_oss.tools.apply_patch import ApplyPatch  # noqa: E402
from codex_oss.tools.edit_file import EditFile  # noqa: E402
from codex_oss.tools.edits import Edits  # noqa: E402
from codex_oss.tools.permit import Permit  # noqa: E402
from codex_oss.tools.seen import Seen  # noqa: E402
from codex_oss.tools.write_file import WriteWholeFile  # noqa: E402
from patch.test_codex_oracle import native_codex  # noqa: E402
from people import Person  # noqa: E402

FILE = (
    "def area(width, height):\n    if width < 0:\n        raise ValueError('width')\n"
    "    return width * height\n\n\ndef double(x):\n    return x * 2\n\n\n"
    "def triple(x):\n    return x * 3\n"
)
OLD = (
    "    if width < 0:\n        raise ValueError('width')\n    return width * height\n"
)
NEW = (
    "    if width < 0 or height < 0:\n        raise ValueError('size')\n"
    "    return width * height\n"
)
MODEL_LIMIT_S = 240
NAME = "a.py"


class Case(msgspec.Struct, frozen=True):
    """What is sent: ``old`` and ``new`` texts, and what the file is before and after.

    ``after`` is None where nothing may be written. ``patch`` and ``whole`` are sent as
    they are; where there is none, the patch is made of the texts.
    """

    what: str
    old: str = OLD
    new: str = NEW
    before: str = FILE
    after: str | None = FILE.replace(OLD, NEW)
    patch: str | None = None
    whole: str | None = None
    keys: tuple[str, str, str] = ("path", "old_text", "new_text")
    name: str = "edit_file"


def _dedented(text: str) -> str:
    return "".join(line[4:] for line in text.splitlines(keepends=True))


def _numbered(text: str, form: str) -> str:
    return "".join(
        form.format(number, line)
        for number, line in enumerate(text.splitlines(keepends=True), 2)
    )


def _tabs(text: str) -> str:
    return text.replace("    ", "\t")


DIFF = "".join(
    ("@@ -2,3 +2,3 @@\n", "-", "-".join(OLD.splitlines(keepends=True)[:2]),
     "+", "+".join(NEW.splitlines(keepends=True)[:2]), "     return width * height\n")
)  # fmt: skip
CRLF = FILE.replace("\n", "\r\n")
MARKED = "\ufeff" + FILE
GAP = "    # ... existing code ...\n"
LONG = FILE + "".join(f"\n\ndef f{n}():\n    return {n}\n" for n in range(12))
BLOCK = f"<<<<<<< SEARCH\n{OLD}=======\n{NEW}>>>>>>> REPLACE"

CASES = (
    Case("as it should be", whole=FILE.replace(OLD, NEW)),
    Case("other agents' names", keys=("file_path", "old_string", "new_string"),
         name="str_replace"),
    Case("a part of a line", "width < 0:", "width <= 0:",
         after=FILE.replace("width < 0:", "width <= 0:")),
    Case("spaces at line ends", OLD.replace("\n", "  \n")),
    Case("no newline at the end", OLD.rstrip("\n"), NEW.rstrip("\n")),
    Case("newline in one text only", OLD.rstrip("\n"), NEW),
    Case("blank lines around it", f"\n\n{OLD}\n\n", NEW),
    Case("indentation lost", _dedented(OLD), _dedented(NEW)),
    Case("first indentation lost", OLD.lstrip(), NEW.lstrip()),
    Case("tabs for spaces", _tabs(OLD), _tabs(NEW)),
    Case("half the indentation", OLD.replace("    ", "  "), NEW.replace("    ", "  ")),
    Case("CRLF in the file", before=CRLF, after=CRLF.replace(
        OLD.replace("\n", "\r\n"), NEW.replace("\n", "\r\n"))),
    Case("byte order mark in the file", before=MARKED, after=MARKED.replace(OLD, NEW)),
    Case("numbers of cat -n", _numbered(OLD, "{:6}\t{}"), NEW),
    Case("numbers in both texts", _numbered(OLD, "{}: {}"), _numbered(NEW, "{}: {}")),
    Case("numbers with a bar", _numbered(OLD, "{}|{}"), NEW),
    Case("curly quotes", OLD.replace("'", "\u2019")),
    Case("a code fence", f"```python\n{OLD}```", f"```python\n{NEW}```"),
    Case("newlines escaped twice", OLD.rstrip().replace("\n", "\\n"),
         NEW.rstrip().replace("\n", "\\n")),
    Case("a SEARCH block for a patch", patch=f"{NAME}\n{BLOCK}"),
    Case("a SEARCH block in a patch",
         patch=f"*** Begin Patch\n*** Update File: {NAME}\n{BLOCK}\n*** End Patch"),
    Case("a unified diff for a patch", patch=f"--- a/{NAME}\n+++ b/{NAME}\n{DIFF}"),
    Case("wrong counts in a diff", patch=f"--- a/{NAME}\n+++ b/{NAME}\n"
         f"{DIFF.replace('-2,3 +2,3', '-12,9 +1,1')}"),
    Case("a patch without its frame", patch=f"*** Update File: {NAME}\n@@\n"
         f"{DIFF.partition(chr(10))[2]}"),
    Case("in two places", "    return x", "    return y", after=None),
    Case("not in the file", "    return height * width\n", "x\n", after=None),
    Case("made already", "    return 1\n", "    return x * 2\n", after=None),
    Case("lines left out of the old text",
         "def area(width, height):\n    ...\n    return width * height\n", "x\n",
         after=None),
    Case("words for lines", OLD, GAP, after=None, before=LONG,
         whole=FILE.partition("def double")[0] + GAP),
    Case("a file that nobody has read", after=None, whole="print(1)\n",
         patch=f"*** Begin Patch\n*** Add File: {NAME}\n+print(1)\n*** End Patch"),
    Case("a whole file with line numbers", after=None,
         whole=_numbered(FILE, "{:6}\t{}")),
    Case("a whole file in a fence", whole=f"```python\n{FILE.replace(OLD, NEW)}```"),
    Case("old indented less than new", OLD.lstrip(), NEW),
    Case("curly quotes, indentation lost", _dedented(OLD).replace("'", "\u2019"),
         _dedented(NEW)),
)  # fmt: skip


def sent(case: Case) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the form, the tool's name and the arguments, for each form of a case."""
    if (case.patch is None and case.whole is None) or case.what == "words for lines":
        values = dict(zip(case.keys, (NAME, case.old, case.new), strict=True))
        yield "edit_file", case.name, values
    if case.whole is None or case.patch is not None:
        yield "apply_patch", "apply_patch", {"input": case.patch or made_patch(case)}
    if case.whole is not None:
        yield "write_file", "write_file", {"path": NAME, "content": case.whole}


def made_patch(case: Case) -> str:
    """Return the two texts as a patch."""
    old = "".join(f"-{line}\n" for line in case.old.removesuffix("\n").split("\n"))
    new = "".join(f"+{line}\n" for line in case.new.removesuffix("\n").split("\n"))
    head = f"*** Begin Patch\n*** Update File: {NAME}\n@@\n"
    return f"{head}{old}{new}*** End Patch"


# --- who makes it ---------------------------------------------------------------------


def ours(folder: Path, name: str, arguments: dict[str, Any], *, read: bool) -> None:
    """Make one call as a session does: mended, then run."""
    permissions = Permissions(mode="workspace-write", writable_roots=(str(folder),))
    seen = Seen(folder)
    if read:
        seen.command(f"cat {NAME}", folder)
    edits = Edits(Permit(permissions, Person("no")), seen=seen)
    tools: dict[str, Tool] = {
        "apply_patch": ApplyPatch(edits, freeform=False),
        "edit_file": EditFile(edits),
        "write_file": WriteWholeFile(edits),
    }
    scope = Scope(cwd=folder, emit=lambda _: None, new_item_id=str)
    call = FunctionCall(name=name, arguments=json.dumps(arguments), call_id="c")
    mended = calls.mend(call, tools)
    try:
        asyncio.run(tools[mended.name].run(mended, scope))
    except ToolError:
        return


def strict(folder: Path, form: str, arguments: dict[str, Any]) -> None:
    """Make one call as a tool does that takes it by the letter."""
    path = folder / NAME
    if form == "apply_patch":
        codex = native_codex()
        if codex is not None:
            program = folder / "apply_patch"
            program.symlink_to(codex)
            argv = [program, arguments["input"]]
            env = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
            subprocess.run(argv, cwd=folder, env=env, capture_output=True, check=False)
    elif form == "write_file":
        path.write_bytes(arguments["content"].encode())
    elif {*arguments} == {"path", "old_text", "new_text"}:
        text, old = path.read_bytes().decode(), arguments["old_text"]
        if text.count(old) == 1:
            path.write_bytes(text.replace(old, arguments["new_text"]).encode())


def outcome(case: Case, after: str) -> str:
    """Return what has become of the file."""
    if after == case.after:
        return "landed"
    return "refused" if after == case.before else "DESTROYED"


def compare() -> int:
    """Print the table, and return how many files of ours were destroyed."""
    totals: dict[tuple[str, str], list[str]] = {}
    print(f"{'':34}{'form':13}{'ours':11}strict")
    for case in CASES:
        for form, name, arguments in sent(case):
            found: list[str] = []
            for who in ("ours", "strict"):
                with tempfile.TemporaryDirectory() as place:
                    folder = Path(place).resolve()
                    (folder / NAME).write_bytes(case.before.encode())
                    if who == "ours":
                        read = case.what != "a file that nobody has read"
                        ours(folder, name, arguments, read=read)
                    else:
                        strict(folder, form, arguments)
                    after = (folder / NAME).read_bytes().decode()
                found.append(outcome(case, after))
                right = "landed" if case.after is not None else "refused"
                kind = found[-1] if found[-1] != right else "right"
                totals.setdefault((who, form), []).append(kind)
            print(f"{case.what:34}{form:13}{found[0]:11}{found[1]}")
    for (who, form), kinds in sorted(totals.items()):
        wrong = kinds.count("DESTROYED")
        print(
            f"{who:8}{form:13}right at the first try {kinds.count('right'):3} of "
            f"{len(kinds):3}, files destroyed {wrong}"
        )
    return sum(
        kinds.count("DESTROYED") for (w, _), kinds in totals.items() if w == "ours"
    )


# --- a real model ---------------------------------------------------------------------

TASKS = (
    "Change the function double in a.py so that it returns x * 4.",
    "Rename the function triple in a.py to thrice.",
    "Write a new file hello.txt that says hello.",
    "Add a docstring to the function area in a.py.",
    "Fix a.py: area must also refuse a height below zero.",
)


def with_model(model: str) -> int:
    """Let a model try, and print what it did to the files."""
    destroyed = 0
    for task in TASKS:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place).resolve()
            (folder / "repo").mkdir()
            path = folder / "repo" / NAME
            path.write_text(FILE)
            done = run_model(model, folder, task)
            after = path.read_text() if path.exists() else ""
            lost = len({*FILE.splitlines()} - {*after.splitlines()})
            calls_made = done.count('"type":"file_change"') // 2
            # Whatever it changes: most of the file is none of these tasks' business.
            destroyed += lost > len(FILE.splitlines()) // 2
            print(f"{task[:52]:54}edits {calls_made}, lines lost {lost}")
    print(f"files destroyed: {destroyed} of {len(TASKS)}")
    return destroyed


def run_model(model: str, folder: Path, task: str) -> str:
    """Run a task and return what `exec --json` printed."""
    argv: Sequence[str] = (
        *(sys.executable, "-m", "codex_oss", "exec", "--oss", "--json", "-m", model),
        *("-s", "workspace-write", "--skip-git-repo-check", task),
    )
    env = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT / "src")}
    env["CODEX_HOME"] = str(folder)
    try:
        done = subprocess.run(
            argv, cwd=folder / "repo", env=env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=MODEL_LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ""
    if done.returncode:
        print(done.stderr[-400:] or done.stdout[-400:])
    return done.stdout


def main() -> int:
    """Compare, and run the model if one is named."""
    parser = argparse.ArgumentParser(description="edits that land at the first try")
    parser.add_argument("model", nargs="?", help="a GGUF file")
    model = parser.parse_args().model
    destroyed = compare()
    if model:
        destroyed += with_model(model)
    return 1 if destroyed else 0


if __name__ == "__main__":
    sys.exit(main())
