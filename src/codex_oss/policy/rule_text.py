"""The text of a rules file: calls of ``prefix_rule`` with everything written out.

Files of the Codex CLI 0.169 are Starlark. Here, lists and strings are read and nothing
is run; what other functions say is left out, and said so.
"""

import ast
import warnings
from collections.abc import Sequence
from typing import Any

import msgspec

from codex_oss.errors import ConfigError
from codex_oss.policy.rules import Decision, PrefixRule

Words = list[str | list[str]]
_EXAMPLE = 'prefix_rule(pattern=["git", "status"], decision="allow")'
_HINT = f"A rule looks like this: {_EXAMPLE}"


class Written(msgspec.Struct, forbid_unknown_fields=True):
    """A rule as it is written, with its parameters in their order."""

    pattern: Words
    """The first words of a command; a list in it holds the words that one may be."""
    decision: Decision = "allow"
    """What happens to what begins so: ``allow``, ``prompt`` or ``forbidden``."""
    match: Words = []
    """Commands that the rule must match, or the file is refused."""
    not_match: Words = []
    """Commands that it must not match."""
    justification: str = ""
    """Why: shown to people who are asked, told to the model if it is forbidden."""


PARAMETERS = Written.__struct_fields__


def line(prefix: Sequence[str]) -> str:
    """Return the line of a rules file that allows what begins with ``prefix``."""
    words = ", ".join(msgspec.json.encode(word).decode() for word in prefix)
    return f'prefix_rule(pattern=[{words}], decision="allow")'


def parse(text: str, origin: str) -> tuple[list[PrefixRule], list[str]]:
    """Return the rules of a file, and warnings about what is left out.

    Raises ``ConfigError`` that names ``origin`` and the line.
    """
    rules: list[PrefixRule] = []
    left_out: list[str] = []
    for node in _parsed(text, origin).body:
        where = f"{origin}:{node.lineno}"
        match node:
            case ast.Expr(ast.Call(ast.Name("prefix_rule")) as call):
                rules.append(_rule(call, where))
            case ast.Expr(ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(ast.Call(ast.Name(name))):
                left_out.append(f"{where}: {name}() has no effect here")
            case _:
                _refuse_hidden_rules(node, where)
                left_out.append(f"{where}: only calls of prefix_rule() are read")
    return rules, left_out


def _parsed(text: str, origin: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # Python warns of escapes such as "\d" as if they were in its own code.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        where = f"{origin}:{error.lineno or 1}"
        raise ConfigError(f"{where}: {error.msg}", hint=_HINT) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{origin}: cannot be read: {error}", hint=_HINT) from error


def _refuse_hidden_rules(node: ast.stmt, where: str) -> None:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id == "prefix_rule":
            raise ConfigError(
                f"{where}: prefix_rule() inside of another statement",
                hint=f"Programs are not run: write each rule out. {_HINT}",
            )


def _rule(call: ast.Call, where: str) -> PrefixRule:
    values = _values(call, where)
    try:
        written = msgspec.convert(values, Written)
    except msgspec.ValidationError as error:
        text = str(error).replace("$.", "").replace("Object ", "prefix_rule() ")
        raise ConfigError(f"{where}: {text}", hint=_HINT) from error
    for name in _empty(written, values):
        raise ConfigError(f"{where}: nothing stands in `{name}`", hint=_HINT)
    rule = PrefixRule(
        pattern=tuple(w if isinstance(w, str) else tuple(w) for w in written.pattern),
        decision=written.decision,
        justification=written.justification,
    )
    _check_examples(rule, written, where)
    return rule


def _values(call: ast.Call, where: str) -> dict[str, Any]:
    """Return the arguments of a call by their names."""
    if len(call.args) > len(PARAMETERS):
        raise ConfigError(f"{where}: too many arguments", hint=_HINT)
    given = [
        *zip(PARAMETERS, call.args, strict=False),
        *((keyword.arg or "**", keyword.value) for keyword in call.keywords),
    ]
    values: dict[str, Any] = {}
    for name, node in given:
        if name in values:
            raise ConfigError(f"{where}: `{name}` stands there twice", hint=_HINT)
        try:
            values[name] = ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise ConfigError(
                f"{where}: `{name}` is not written out",
                hint="Only lists and strings are read: no variables, no sums.",
            ) from error
    return values


def _empty(written: Written, values: dict[str, Any]) -> list[str]:
    """Return the parameters that are there and hold nothing, or an empty element."""
    empty: list[str] = []
    if not written.pattern or [] in written.pattern:
        empty.append("pattern")
    empty += [name for name in ("match", "not_match") if not all(values.get(name, []))]
    if "justification" in values and not written.justification.strip():
        empty.append("justification")
    return empty


def _check_examples(rule: PrefixRule, written: Written, where: str) -> None:
    for example in written.match:
        if not rule.matches(_split(example, where)):
            raise ConfigError(
                f"{where}: the rule does not match {example!r}, its own example",
                hint="Change `pattern`, or the example in `match`.",
            )
    for example in written.not_match:
        if rule.matches(_split(example, where)):
            raise ConfigError(
                f"{where}: the rule matches {example!r}, which it must not",
                hint="Change `pattern`, or the example in `not_match`.",
            )


def _split(example: str | list[str], where: str) -> list[str]:
    """Return the words of an example, which may be one string for a shell."""
    if isinstance(example, list):
        return example
    if example.replace(" ", "").replace("-", "").isalnum():
        return example.split()
    import shlex  # noqa: PLC0415  4 ms that only examples with quotes pay

    try:
        return shlex.split(example)
    except ValueError as error:
        text = f"{where}: the example {example!r} is no command: {error}"
        raise ConfigError(text, hint="Close the quotes, or write a list.") from error
