"""Which commands of git destroy what cannot be had back."""

from codex_oss.policy.call import Call, arguments
from codex_oss.policy.loss import Harm, Loss
from codex_oss.policy.words import Word


def _hard(call: Call) -> str | None:
    return "" if arguments(call.words).has("", "--hard", "--merge") else None


def _cleans(call: Call) -> str | None:
    given = arguments(call.words, "e")
    return "" if given.has("f", "--force") and not given.has("n", "--dry-run") else None


def _checks_out_files(call: Call) -> str | None:
    given = arguments(call.words, "bB")
    if given.has("f", "--force"):
        return ""
    if given.has("bBtp", "--orphan", "--track", "--patch", "--ours", "--theirs"):
        return None
    texts = [word.text for word in call.words]
    if "--" in texts:
        return "" if texts[-1] != "--" else None
    if len(given.operands) > 1:
        return ""
    return "" if any(_is_path(word, call) for word in given.operands) else None


def _is_path(word: Word, call: Call) -> bool:
    return word.text.startswith((".", ":")) or call.place.there(word)


def _restores(call: Call) -> str | None:
    given = arguments(call.words, "s")
    only_index = given.has("S", "--staged") and not given.has("W", "--worktree")
    asks = given.has("p", "--patch")
    return "" if given.operands and not only_index and not asks else None


def _switches(call: Call) -> str | None:
    given = arguments(call.words, "cC")
    return "" if given.has("f", "--force", "--discard-changes") else None


def _drops(call: Call) -> str | None:
    return "" if call.words and call.words[0].text in {"drop", "clear"} else None


def _deletes_branch(call: Call) -> str | None:
    given = arguments(call.words)
    deletes = given.has("d", "--delete") and given.has("f", "--force")
    return "" if "D" in given.letters or deletes else None


def _rewrites_server(call: Call) -> str | None:
    given = arguments(call.words, "o")
    if given.has("fd", "--force", "--mirror", "--delete", "--prune"):
        return ""
    refs = (word.text for word in given.operands[1:])
    return "" if any(ref.startswith(("+", ":")) for ref in refs) else None


def _forgets(call: Call) -> str | None:
    texts = [word.text for word in call.words]
    if call.name == "git gc":
        return "" if {"--prune=now", "--prune=all"} & set(texts) else None
    return "" if texts[:1] in (["expire"], ["delete"]) else None


def _removes_worktree(call: Call) -> str | None:
    given = arguments(call.words)
    removes = [word.text for word in given.operands[:1]] == ["remove"]
    return "" if removes and given.has("f", "--force") else None


# --- the rows -------------------------------------------------------------------------

_THROWN_AWAY = "it throws away changes that were not committed"

GIT_LOSSES: tuple[Loss, ...] = (
    Loss(
        ("git reset",),
        "`git reset --hard`, `--merge`",
        Harm(
            _THROWN_AWAY,
            "git reset --hard is not permitted: it throws away changes that were "
            "never committed. Use git stash, which keeps them, or git reset --keep",
        ),
        _hard,
    ),
    Loss(
        ("git clean",),
        "`git clean -f`",
        Harm(
            "it deletes files that git does not track",
            "git clean -f is not permitted: nothing brings back files that git does "
            "not track. Look at git clean -n, then name the files to rm",
        ),
        _cleans,
    ),
    Loss(
        ("git checkout",),
        "`git checkout -f`, `git checkout` of files",
        Harm(
            _THROWN_AWAY,
            "git checkout of files is not permitted: it throws away changes that were "
            "never committed. Use git stash push -- FILE, which keeps them",
        ),
        _checks_out_files,
    ),
    Loss(
        ("git restore",),
        "`git restore`, but not with `--staged` alone",
        Harm(
            _THROWN_AWAY,
            "git restore is not permitted: it throws away changes that were never "
            "committed. Use git stash push -- FILE, which keeps them",
        ),
        _restores,
    ),
    Loss(
        ("git switch",),
        "`git switch -f`, `--discard-changes`",
        Harm(
            _THROWN_AWAY,
            "git switch -f is not permitted: it throws away changes that were never "
            "committed. Use git stash, which keeps them, then git switch",
        ),
        _switches,
    ),
    Loss(
        ("git stash",),
        "`git stash drop`, `git stash clear`",
        Harm(
            "it deletes changes that were put aside",
            "git stash drop and clear are not permitted: stashed changes are nowhere "
            "else. Leave the stash as it is",
        ),
        _drops,
    ),
    Loss(
        ("git branch",),
        "`git branch -D`",
        Harm(
            "it deletes a branch whose commits may be nowhere else",
            "git branch -D is not permitted: the commits may be nowhere else. Use git "
            "branch -d, which refuses in that case",
        ),
        _deletes_branch,
    ),
    Loss(
        ("git worktree",),
        "`git worktree remove --force`",
        Harm(
            _THROWN_AWAY,
            "git worktree remove --force is not permitted: it throws away what was "
            "never committed. Use it without --force, which refuses in that case",
        ),
        _removes_worktree,
    ),
    Loss(
        ("git reflog", "git gc"),
        "`git reflog expire`, `git reflog delete`, `git gc --prune=now`",
        Harm(
            "it deletes commits that git could still bring back",
            "Expiring the reflog is not permitted: lost commits are found there. "
            "Plain git gc keeps them",
        ),
        _forgets,
    ),
    Loss(
        ("git push",),
        "`git push --force`, `--delete`, `--mirror`, `+ref`, `:ref`",
        Harm(
            "it overwrites or deletes what is on the server",
            "git push that overwrites or deletes is not permitted: others may lose "
            "commits. Push to a new branch",
        ),
        _rewrites_server,
    ),
)
"""Rows of the guard's table.

Not among them: what the reflog brings back, such as ``git reset`` and ``git rebase``.
"""
