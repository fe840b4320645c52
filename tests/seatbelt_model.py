"""A small model of Seatbelt: reads a profile and says what it decides.

The last rule that matches an operation and a path counts. Of filters it knows those
about paths; a rule with another filter is taken not to match.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

Form: TypeAlias = "str | list[Form]"

_TOKEN = re.compile(r';[^\n]*|[()]|#"[^"]*"|"(?:[^"\\]|\\.)*"|[^\s()";]+')


def read(text: str) -> list[list[Form]]:
    """Return the profile's rules. Raises ``AssertionError`` for what is no profile."""
    assert not _TOKEN.sub("", text).strip(), "a character that belongs to nothing"
    tokens = (token for token in _TOKEN.findall(text) if token[0] != ";")
    forms: list[list[Form]] = []
    for token in tokens:
        assert token == "(", f"{token} stands outside of rules"
        forms.append(_list(tokens))
    return forms


def _list(tokens: Iterator[str]) -> list[Form]:
    form: list[Form] = []
    for token in tokens:
        if token == ")":
            return form
        form.append(_list(tokens) if token == "(" else token)
    raise AssertionError("a rule without its end")


class Seatbelt:
    """What ``sandbox-exec`` with these options (up to ``--``) would allow."""

    def __init__(self, options: list[str]) -> None:
        assert options[0] == "-p"
        assert options[-1] == "--"
        defined = options[2:-1]
        assert all(each.startswith("-D") for each in defined)
        self.parameters = dict(each[2:].split("=", 1) for each in defined)
        self.rules = read(options[1])

    def allows(self, operation: str, path: str = "") -> bool:
        """Return whether an operation is allowed."""
        decision = "deny"
        for action, *rest in self.rules:
            if action not in {"allow", "deny"}:
                continue
            names = [each for each in rest if isinstance(each, str)]
            filters = [each for each in rest if isinstance(each, list)]
            if not any(_covers(name, operation) for name in names):
                continue
            if not filters or any(self._matches(each, path) for each in filters):
                assert isinstance(action, str)
                decision = action
        return decision == "allow"

    def allows_move(self, source: str, target: str) -> bool:
        """Return whether ``source`` may be renamed to ``target``, which is missing."""
        return self.allows("file-write-unlink", source) and self.allows(
            "file-write-create", target
        )

    def _matches(self, test: list[Form], path: str) -> bool:
        kind, *arguments = test
        tests = [each for each in arguments if isinstance(each, list)]
        match kind:
            case "require-all":
                return all(self._matches(each, path) for each in tests)
            case "require-any":
                return any(self._matches(each, path) for each in tests)
            case "require-not":
                return not self._matches(tests[0], path)
            case "literal":
                return path == self._text(arguments[0])
            case "subpath":
                above = self._text(arguments[0])
                return path == above or path.startswith(above.rstrip("/") + "/")
            case "regex":
                assert isinstance(arguments[0], str)
                return re.search(arguments[0][2:-1], path) is not None
            case _:
                return False

    def _text(self, form: Form) -> str:
        if isinstance(form, str):
            return form[1:-1]
        word, name = form
        assert word == "param"
        assert isinstance(name, str)
        return self.parameters[name[1:-1]]


def _covers(rule: str, operation: str) -> bool:
    if rule == "default":
        return True
    return operation.startswith(rule[:-1]) if rule[-1] == "*" else operation == rule
