"""What changed in a repository, as git tells it; git runs in the sandbox, read-only.

A repository's own configuration can name programs for git to run: those that are known
are switched off, and the sandbox holds the rest.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from codex_oss.errors import CodexOssError
from codex_oss.policy import Permissions
from codex_oss.process import start
from codex_oss.wiring.permissions import Job, permissions, sandbox
from codex_oss.wiring.sandbox import environment

MAX_BYTES = 16 * 1024 * 1024
"""More of a diff is not read."""
_TOO_LONG = f"Of the change only {MAX_BYTES >> 20} MiB are read."
MAX_UNTRACKED = 200
"""Files that git does not know yet, and that are shown."""
GIT_S = 60.0
"""For one run of git, in seconds."""
CONTEXT_LINES = 10
_GIT = (
    *("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath="),
    *("-c", "core.quotePath=false"),
)
_SILENT = ("/bin/sh", "-c", 'exec "$@" 2>/dev/null', "git")
"""Runs a program whose warnings would stand between the lines of a diff."""
_SHOWN = (
    *("--no-ext-diff", "--no-textconv", "--no-color"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
_NEAR = f"-U{CONTEXT_LINES}"
_WIDER = ("--function-context", "-U1000000")
"""Options for more around a change: the functions it is in, and the whole files."""
_FILTERS = r"^filter\..*\.(clean|process)$"
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What a repository without commits is compared with."""


class Target(msgspec.Struct, frozen=True):
    """What is reviewed: a commit, all since a branch, or what is not committed."""

    kind: Literal["uncommitted", "base", "commit"] = "uncommitted"
    name: str = ""
    title: str = ""

    def words(self) -> str:
        """Return it in a few words, as the Codex CLI shows them."""
        match self.kind:
            case "uncommitted":
                return "current changes"
            case "base":
                return f"changes against '{self.name}'"
            case "commit":
                title = f": {self.title}" if self.title else ""
                return f"commit {self.name[:7]}{title}"


class Changes(msgspec.Struct, frozen=True):
    """A diff, where its paths begin, and what of it is not read, in words."""

    diff: str
    folder: Path
    left_out: list[str]
    wider: list[str] = []
    """The same with more around each change, and with still more."""


async def changes(job: Job, target: Target) -> Changes:
    """Return what has changed. Raises ``CodexOssError``."""
    git = _Git(job)
    git.top = Path((await git.told("rev-parse", "--show-toplevel")).rstrip("\n"))
    return Changes(await _diff(git, target), git.top, git.left_out)


async def with_more(job: Job, target: Target, found: Changes) -> Changes:
    """Return the changes that were found, with what is around them, if git tells it."""
    git = _Git(job)
    git.top = found.folder
    wider: list[str] = []
    for option in _WIDER:
        git.near = option
        with contextlib.suppress(CodexOssError):
            wider.append(await _diff(git, target))
    # What was cut off lacks files, and the end of one.
    return found if git.left_out else replace(found, wider=wider)


async def _diff(git: "_Git", target: Target) -> str:
    match target.kind:
        case "uncommitted":
            head = await git.commit("HEAD") or _EMPTY_TREE
            return await git.diff(head) + await git.untracked()
        case "base":
            branch = await git.named(target.name, "branch")
            base = await git.told("merge-base", "HEAD", branch)
            return await git.diff(base.strip())
        case "commit":
            commit = await git.named(target.name, "commit")
            # Of a merge, what it brought to the branch that it is on.
            parent = await git.commit(f"{commit}^") or _EMPTY_TREE
            return await git.diff(parent, commit)


class _Git:
    """Runs git in the sandbox of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._confining = sandbox(job)
        hidden = permissions(job).deny_read
        self.top = job.cwd
        self.left_out: list[str] = []
        self.near = _NEAR
        """How much is shown around each change."""
        self._options: list[str] = []
        self._allowed = Permissions(mode="read-only", deny_read=hidden)

    async def told(self, *words: str) -> str:
        """Return what git says; an error of its own is raised."""
        code, text = await self._run(words)
        if code:
            _, text = await self._run(words, heard=True)
            raise CodexOssError(
                f"`git {words[0]}` failed: {text.strip()[-500:]}",
                hint="A review needs a git repository, and git itself.",
            )
        return text

    async def diff(self, *commits: str) -> str:
        """Return a diff; without the filters of files that cannot do with reading.

        Such as those of Git LFS, which keeps what it cleans.
        """
        words = ("diff", *_SHOWN, self.near, *commits)
        code, text = await self._run(words)
        if not code:
            return text
        asked = ("config", "--name-only", "-z", "--get-regexp", _FILTERS)
        keys = (await self._run(asked))[1].split("\0")
        without = [f"{key}=" for key in keys if key]
        names = {key.rpartition(".")[0] for key in keys if key}
        without += [f"{name}.required=false" for name in sorted(names)]
        self._options = [word for each in without for word in ("-c", each)]
        return await self.told(*words)

    async def commit(self, name: str) -> str:
        """Return the commit that a name stands for; nothing if there is none."""
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        code, text = await self._run((*asked, f"{name}^{{commit}}"))
        return "" if code else text.strip()

    async def named(self, name: str, kind: str) -> str:
        """Return the commit that a person named; raises if there is none."""
        if found := await self.commit(name):
            return found
        raise CodexOssError(
            f"git knows no {kind} `{name}`", hint="`git branch -a` and `git log` do."
        )

    async def untracked(self) -> str:
        """Return the files that git does not know yet as a diff."""
        others = ("ls-files", "--others", "--exclude-standard", "-z")
        names = [name for name in (await self.told(*others)).split("\0") if name]
        if len(names) > MAX_UNTRACKED:
            self.left_out.append(
                f"Only {MAX_UNTRACKED} of {len(names)} new files are reviewed: `git "
                "add` those that matter, and list others in .gitignore."
            )
        texts: list[str] = []
        for name in names[:MAX_UNTRACKED]:
            shown = (*_SHOWN, _NEAR)
            words = ("diff", "--no-index", *shown, "--", "/dev/null", name)
            texts.append((await self._run(words))[1])
        return "".join(texts)

    async def _run(
        self, words: Sequence[str], *, heard: bool = False
    ) -> tuple[int, str]:
        """Return git's exit code and what it says; its warnings only if ``heard``."""
        job = self._job
        env = environment(job) | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
        place = ("-C", str(self.top))
        prepared = await self._confining.prepare(
            [*(() if heard else _SILENT), *_GIT, *self._options, *place, *words],
            job.cwd,
            self._allowed,
            env,
            sandboxed=True,
            tty=False,
        )
        data = bytearray()

        def take(more: bytes) -> None:
            if len(data) < MAX_BYTES:
                data.extend(more)
            elif _TOO_LONG not in self.left_out:
                self.left_out.append(_TOO_LONG)

        child = None
        try:
            child = await start(
                prepared.argv,
                cwd=job.cwd,
                env=prepared.env,
                on_output=take,
                confined=prepared.confined,
            )
            async with asyncio.timeout(GIT_S):
                code = await child.wait()
        except OSError as error:
            why = error.strerror or f"it takes more than {GIT_S:.0f} s"
            raise CodexOssError(f"cannot run git: {why}") from error
        finally:
            if child is not None:
                await child.kill()
            prepared.end()
        return code, data.decode("utf-8", "replace")
