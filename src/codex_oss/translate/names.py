"""Which offered tool a name means, as open models misspell and mistake them."""

from collections.abc import Collection, Iterator

SYNONYMS: dict[str, tuple[str, ...]] = {
    "exec_command": (
        "shell", "bash", "sh", "zsh", "exec", "execute", "terminal", "console",
        "container_exec", "containerexec", "run", "run_command", "run_commands",
        "execute_command", "exec_cmd", "run_shell_command", "execute_shell_command",
        "run_terminal_command", "run_terminal_cmd", "run_in_terminal", "local_shell",
        "shell_command", "shell_exec", "run_shell", "run_bash", "execute_bash",
        "bash_command", "command", "unified_exec",
    ),
    "apply_patch": ("applypatch", "apply_patch_tool", "patch", "apply_diff"),
    "edit_file": (
        "edit", "str_replace", "string_replace", "search_replace", "replace_in_file",
        "replace_string_in_file", "file_edit", "multi_edit", "str_replace_editor",
        "str_replace_based_edit_tool",
    ),
    "write_file": (
        "write", "create_file", "save_file", "write_to_file", "file_write",
        "create_new_file", "new_file", "overwrite_file", "create",
    ),
    "update_plan": ("plan", "update_todo", "update_todos", "set_plan", "make_plan"),
    "view_image": ("show_image", "open_image", "read_image"),
    "write_stdin": ("send_stdin", "write_to_stdin"),
}  # fmt: skip
"""An offered tool, and other agents' names for the same thing. Interpreters such as
``python`` are not here: their arguments differ."""

_PREFIXES = (
    "functions", "function", "tools", "tool", "default_api", "api", "to=", "assistant",
)  # fmt: skip
_SEPARATORS = (".", "__", "::", ":", "/")
_CHANNELS = frozenset(("json", "commentary", "analysis", "final", "code"))


def mend_name(name: str, offered: Collection[str]) -> str | None:
    """Return the offered tool that ``name`` means, or None when that is not plain."""
    if name in offered:
        return name
    plain = _plain(name)
    if plain in offered:
        return plain
    key = _key(plain)
    if not key:
        return None
    same = [each for each in offered if _key(each) == key]
    tails = [each for each in offered if _key(each.rpartition("__")[2]) == key]
    for found in (same, tails):
        if found:
            return found[0] if len(found) == 1 else None
    meant = (tool for tool, others in SYNONYMS.items() if key in map(_key, others))
    return next((tool for tool in meant if tool in offered), None)


def plain_key(name: str) -> str:
    """Return the small letters and digits of a name, without a template's markup."""
    return _key(_plain(name))


def _plain(name: str) -> str:
    """Return ``name`` without the markup and prefixes of chat templates."""
    name = name.rpartition("to=")[2]  # a whole Harmony header
    words = name.partition("<|")[0].strip(" \t\r\n\"'`()").split()
    while len(words) > 1 and words[-1].lower() in _CHANNELS:
        words.pop()
    plain = "_".join(words)
    while shorter := next(_stripped(plain), None):
        plain = shorter
    return plain


def _stripped(name: str) -> Iterator[str]:
    """Yield ``name`` without each prefix that it has."""
    lowered = name.lower()
    for prefix in _PREFIXES:
        for separator in ("",) if prefix.endswith("=") else _SEPARATORS:
            head = prefix + separator
            if lowered.startswith(head) and len(name) > len(head):
                yield name[len(head) :]


def _key(name: str) -> str:
    """Return the letters and digits of ``name``: what spellings have in common."""
    return "".join(filter(str.isalnum, name)).lower()
