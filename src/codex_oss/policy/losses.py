"""Which programs destroy what cannot be had back, as one table."""

from codex_oss.policy.call import Call, arguments
from codex_oss.policy.git_losses import GIT_LOSSES
from codex_oss.policy.loss import FORCED_REMOVAL, Harm, Loss
from codex_oss.policy.words import Word

# --- removing -------------------------------------------------------------------------


def _forced(call: Call) -> str | None:
    return "" if arguments(call.words).has("f", "--force") else None


def _recursive(call: Call) -> str | None:
    return "" if arguments(call.words).has("rR", "--recursive") else None


def _fed(call: Call) -> str | None:
    return "" if call.fed else None


def _removed_outside(call: Call) -> str | None:
    if call.remote:
        return None
    for word in arguments(call.words).operands:
        if call.place.there(word) and (path := call.place.outside(word)):
            return path
        if path := call.place.pattern_outside(word):
            return path
    return None


def _deletes_found(call: Call) -> str | None:
    return "" if any(word.text == "-delete" for word in call.words) else None


def _deletes_extra(call: Call) -> str | None:
    longs = arguments(call.words).longs
    deletes = ("--delete", "--remove-source-files")
    found = any(option == "--del" or option.startswith(deletes) for option in longs)
    return "" if found else None


def _encrypts(call: Call) -> str | None:
    done = {word.text for word in arguments(call.words).operands[:1]}
    wipes = {"luksFormat", "luksErase", "erase", "reencrypt", "luksKillSlot"}
    return "" if done & wipes else None


def _partitions(call: Call) -> str | None:
    done = {word.text for word in arguments(call.words).operands[1:]}
    wipes = {"mklabel", "mktable", "mkpart", "rm", "resizepart"}
    return "" if done & wipes else None


def _always(_: Call) -> str | None:
    return ""


# --- overwriting ----------------------------------------------------------------------


def _first_overwritten(call: Call, words: tuple[Word, ...]) -> str | None:
    if call.remote:
        return None
    return next((path for word in words if (path := call.place.overwrites(word))), None)


def _written_by_dd(call: Call) -> str | None:
    for word in call.words:
        name, _, text = word.text.partition("=")
        if name != "of":
            continue
        target = Word(text, word.literal)
        path = call.place.path(target)
        if path is None:
            return text
        return call.place.overwrites(target)
    return None


def _truncated(call: Call) -> str | None:
    return _first_overwritten(call, arguments(call.words, "sr").operands)


def _teed(call: Call) -> str | None:
    given = arguments(call.words)
    appends = given.has("a", "--append")
    return None if appends else _first_overwritten(call, given.operands)


def _edited(call: Call) -> str | None:
    given = arguments(call.words, "efl")
    # With a suffix, as in `-i.bak`, the old file is kept.
    kept = not any(
        word.text == "--in-place"
        or (word.text[:1] == "-" != word.text[1:2] and word.text.endswith("i"))
        for word in call.words
    )
    scripted = {"e", "f"} & set(given.letters) or given.has(
        "", "--expression", "--file"
    )
    files = given.operands if scripted else given.operands[1:]
    return None if kept else _first_overwritten(call, files)


_LONG_OUTPUT = ("--output", "--output-document")


def _downloaded(call: Call) -> str | None:
    letter = "o" if call.name == "curl" else "O"
    given = arguments(
        call.words, "odHXuAbcFeTmxUrwKEPCQtYyz" if letter == "o" else "OoPUe"
    )
    targets = [given.values[letter]] if letter in given.values else []
    for word, after in zip(call.words, (*call.words[1:], Word("")), strict=True):
        name, joined, value = word.text.partition("=")
        if name in _LONG_OUTPUT:
            targets.append(Word(value, word.literal) if joined else after)
    return _first_overwritten(call, tuple(targets))


def _copied_over(call: Call) -> str | None:
    given = arguments(call.words, "tSgmo" if call.name == "install" else "tS")
    if given.has("n", "--no-clobber") or (
        call.name == "ln" and "f" not in given.letters
    ):
        return None
    sources, target = given.operands, given.values.get("t")
    if target is None:
        if len(sources) < len(("from", "to")):
            return None
        sources, target = sources[:-1], sources[-1]
    path = call.place.path(target)
    if path is None or not call.place.is_folder(path):
        return _first_overwritten(call, (target,))
    inside = [s.text.rstrip("/").rpartition("/")[2] for s in sources if s.literal]
    return _first_overwritten(call, tuple(Word(f"{path}/{name}") for name in inside))


def _changed_below(call: Call) -> str | None:
    given = arguments(call.words)
    if call.remote or not given.has("R", "--recursive"):
        return None
    paths = (call.place.outside(word) for word in given.operands[1:])
    return next((path for path in paths if path), None)


# --- the table ------------------------------------------------------------------------

FORCED = Harm("it removes files by force", FORCED_REMOVAL)
OVERWRITES = Harm(
    "it overwrites {}, which is outside of the workspace",
    "Overwriting {} is not permitted: it exists and is outside of the workspace. "
    "Write to a new file, or append with >>",
)
WIPES = Harm(
    "it makes a disk's contents unreadable",
    "Writing file systems and partitions is not permitted: all that is on the disk is "
    "lost. Use lsblk or findmnt to look at disks",
)
LOSSES: tuple[Loss, ...] = (
    Loss(("rm",), "`rm -f`, `rm --force`", FORCED, _forced),
    Loss(
        ("rm",),
        "`rm -r`",
        Harm(
            "it removes folders with all that is in them",
            "rm -r is not permitted: what it removes cannot be had back. Move the "
            "folder aside with mv, or remove files by name with rm",
        ),
        _recursive,
    ),
    Loss(
        ("rm", "unlink"),
        "`rm` behind `xargs` or `find -exec`",
        Harm(
            "it removes whatever another command names",
            "Removing what another command names is not permitted: nobody has seen "
            "the list. Print it first, then name the files to rm",
        ),
        _fed,
    ),
    Loss(
        ("rm", "unlink"),
        "`rm` of what is outside of the workspace",
        Harm(
            "it removes {}, which is outside of the workspace",
            "Removing {} is not permitted: it is outside of the workspace. Leave it, "
            "and tell the user if it should go",
        ),
        _removed_outside,
    ),
    Loss(
        ("find",),
        "`find -delete`",
        Harm(
            "it deletes every file that it finds",
            "find -delete is not permitted: what it deletes cannot be had back. Print "
            "the list with -print, then name the files to rm",
        ),
        _deletes_found,
    ),
    Loss(
        ("rsync",),
        "`rsync --delete`, `rsync --remove-source-files`",
        Harm(
            "it deletes files that the other side does not have",
            "rsync that deletes is not permitted: what it deletes cannot be had back. "
            "Leave the option out, or look at --dry-run and name the files to rm",
        ),
        _deletes_extra,
    ),
    Loss(
        ("shred", "srm"),
        "`shred`, `srm`",
        Harm(
            "it overwrites files so that nobody can read them again",
            "shred is not permitted: what it overwrites is lost for good. Move the "
            "file aside with mv",
        ),
        _always,
    ),
    *GIT_LOSSES,
    Loss(
        ("dd",),
        "`dd of=` a device, or a file outside of the workspace",
        Harm(
            "it writes over {}",
            "dd onto {} is not permitted: what is there is lost. Write to a new file "
            "in the workspace",
        ),
        _written_by_dd,
    ),
    Loss(
        ("mkfs", "mke2fs", "mkswap", "wipefs", "blkdiscard", "sgdisk", "sfdisk"),
        "`mkfs`, `mke2fs`, `mkswap`, `wipefs`, `blkdiscard`, `sgdisk`, `sfdisk`",
        WIPES,
        _always,
    ),
    Loss(
        ("cryptsetup",),
        "`cryptsetup luksFormat`, `erase`, `reencrypt`",
        WIPES,
        _encrypts,
    ),
    Loss(("parted",), "`parted` that changes partitions", WIPES, _partitions),
    Loss(
        ("sed",),
        "`sed -i` of a file outside of the workspace, but not `sed -i.bak`",
        OVERWRITES,
        _edited,
    ),
    Loss(
        ("curl", "wget"),
        "`curl -o`, `wget -O` onto a file outside of the workspace",
        OVERWRITES,
        _downloaded,
    ),
    Loss(
        ("truncate",),
        "`truncate` of a file outside of the workspace",
        OVERWRITES,
        _truncated,
    ),
    Loss(
        ("tee",),
        "`tee` onto a file outside of the workspace, but not `tee -a`",
        OVERWRITES,
        _teed,
    ),
    Loss(
        ("cp", "mv", "install", "ln"),
        "`cp`, `mv`, `install`, `ln -f` onto a file outside of the workspace",
        OVERWRITES,
        _copied_over,
    ),
    Loss(
        ("chmod", "chown", "chgrp"),
        "`chmod -R`, `chown -R`, `chgrp -R` outside of the workspace",
        Harm(
            "it changes the rights of everything below {}",
            "Changing the rights of everything below {} is not permitted: nobody "
            "knows them afterwards, and it is outside of the workspace. Name the "
            "files that need it",
        ),
        _changed_below,
    ),
)
"""The guard's table; for a program the first row that fits counts."""


def losses_of(name: str) -> list[Loss]:
    """Return the rows about a program, or a command of git (``git reset``)."""
    if name.startswith("mkfs."):
        name = "mkfs"
    return [loss for loss in LOSSES if name in loss.names]
