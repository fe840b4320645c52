"""The tree of a shell script, by tree-sitter's grammar of bash, as commands."""

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import tree_sitter_bash
from msgspec.structs import replace
from tree_sitter import Language, Node, Parser, Point

from codex_oss.policy import words
from codex_oss.policy.commands import Command, Redirect
from codex_oss.policy.printed import UNSEEN, may_read, printed
from codex_oss.policy.words import Piece, Word

# Some scripts that do not parse take time and memory that grow with the square of
# their length. An ordinary script of 128 KiB takes 50 reads and 2000 steps; a
# here-document takes a read for each line. At these limits it is half a second.
CHUNK_BYTES = 4096
MAX_READS = 20_000
MAX_STEPS = 3000
MAX_PIPES = 2000
"""Commands in one pipeline; of more, one that does not end takes a gigabyte."""
MAX_LINES, MAX_LINE_BYTES = 3000, 2000
"""What is looked at line by line, of a script that does not parse."""
MAX_BOMB_NODES = 200
"""How much of a function is searched for calls of itself."""


# The grammar's scanner looks characters up in C's table of 256, whatever they are. To a
# shell they are letters, blanks of Unicode too.
_ASCII = bytes(range(128)) + b"_" * 128


class Budget(msgspec.Struct):
    """What is left of the time to parse one script."""

    reads: int = MAX_READS
    steps: int = MAX_STEPS


def parsed(source: bytes, budget: Budget) -> Node | None:
    """Return the root of the tree of a script; None if it takes too much to parse."""
    if _has_endless_pipeline(source):
        return None
    view = memoryview(source.translate(_ASCII))

    def take(at: int, _: Point) -> memoryview:
        budget.reads -= 1
        return view[at : at + CHUNK_BYTES] if budget.reads >= 0 else view[:0]

    def too_long(_at: int, _error: bool) -> bool:  # noqa: FBT001  by position
        budget.steps -= 1
        return budget.steps < 0

    parser = Parser(Language(tree_sitter_bash.language()))
    try:
        tree = parser.parse(take, progress_callback=too_long)
    except ValueError:  # stopped by `too_long`
        return None
    return tree.root_node if budget.reads >= 0 else None


def _has_endless_pipeline(source: bytes) -> bool:
    pipes = 0
    for line in source.splitlines():
        pipes += line.count(b"|")
        if pipes > MAX_PIPES:
            return True
        if not line.rstrip().endswith(b"|"):
            pipes = 0
    return False


_PLAIN = frozenset(
    (
        *("program", "list", "pipeline", "command", "command_name", "comment"),
        *("word", "number", "string", "string_content", "raw_string", "concatenation"),
    )
)
_PLAIN_TOKENS = frozenset(("&&", "||", ";", "|", '"', "\n"))
_SUBSHELLS = frozenset(("subshell", "command_substitution", "process_substitution"))
_GROUPS = frozenset(
    (
        *("pipeline", "list", "compound_statement", "subshell"),
        *("redirected_statement", "negated_command"),
    )
)
_REDIRECTS = frozenset(("file_redirect", "heredoc_redirect", "herestring_redirect"))
_EXPANSIONS = frozenset(
    (
        *("simple_expansion", "expansion", "command_substitution"),
        *("process_substitution", "arithmetic_expansion", "brace_expression"),
    )
)
_WORDS = _EXPANSIONS | {
    *("word", "number", "string", "raw_string", "ansi_c_string", "translated_string"),
    *("concatenation", "command_name"),
}

Scope = tuple[int, ...]
Additions = tuple[list[Redirect], list[Word]]


class Reader:
    """Walks a tree, without recursion: the tree of a long list is deep."""

    def __init__(self, source: bytes) -> None:
        self.commands: list[Command] = []
        self.plain = True
        self.broken = False
        self._source = source
        self._scopes = 0
        self._texts: list[tuple[int, int]] = []
        self._additions: dict[int, Additions] = {}
        self._todo: list[tuple[Node, Scope]] = []
        self._before: dict[int, Node] = {}

    def walk(self, root: Node) -> None:
        """Collect the commands at and below ``root``."""
        self._todo.append((root, ()))
        while self._todo:
            node, scope = self._todo.pop()
            self._visit(node, scope)
        self.plain = self.plain and bool(self.commands) and self._covers_all(root)

    def _covers_all(self, root: Node) -> bool:
        """Return whether there are only blanks between the parts of a plain tree."""
        at, todo = 0, [root]
        while todo:
            node = todo.pop()
            if node.child_count and node.type not in {"string", "raw_string"}:
                todo.extend(reversed(node.children))
                continue
            left_out = self._source[at : node.start_byte].replace(b"\\\n", b"")
            if left_out.strip(b" \t\n"):
                return False
            if node.type == "comment" and not left_out and at and self._glued(at):
                return False
            at = node.end_byte
        return not self._source[at:].strip(b" \t\n")

    def _glued(self, at: int) -> bool:
        """Return whether a ``#`` behind ``at`` goes on with a word: no comment."""
        return self._source[at - 1 : at] not in {b";", b"|", b"&", b"\n"}

    def _visit(self, node: Node, scope: Scope) -> None:
        kind = node.type
        if kind not in _PLAIN:
            self.plain = False
        if kind == "command":
            self._command(node, scope)
        elif kind == "redirected_statement":
            self._redirected(node, scope)
        elif kind == "declaration_command":
            self._emit(_taken(self._parts(node.children)), scope)
        elif kind == "ERROR":
            self._debris(node, scope)
        elif kind == "function_definition" and self._starts_itself_twice(node):
            self.commands.append(Command(words=(), scope=scope, bomb=True))
        if kind in _SUBSHELLS or kind == "function_definition":
            scope = self._below(scope)
        self._later(node, scope, apart=kind == "pipeline")

    def _later(self, node: Node, scope: Scope, *, apart: bool) -> None:
        """Visit the children of ``node`` next; each in a subshell if ``apart``."""
        children: list[tuple[Node, Scope]] = []
        if apart:
            parts = pairwise(node.named_children)
            self._before |= {_first_of(after).id: before for before, after in parts}
        if node.type == "heredoc_redirect" and (first := _piped_into(node)):
            self._before[first.id] = node
        for child in node.children:
            if child.is_missing:
                self.broken = True
            if not child.is_named:
                self.plain = self.plain and child.type in _PLAIN_TOKENS
            else:
                children.append((child, self._below(scope) if apart else scope))
        self._todo.extend(reversed(children))

    def _below(self, scope: Scope) -> Scope:
        self._scopes += 1
        return (*scope, self._scopes)

    def _starts_itself_twice(self, function: Node) -> bool:
        """Return whether a function is a fork bomb, as in ``f() { f | f & }; f``."""
        name = function.child_by_field_name("name")
        body = function.child_by_field_name("body")
        if name is None or body is None:
            return False
        todo, calls, at_once = [body], 0, False
        for _ in range(MAX_BOMB_NODES):
            if not todo:
                break
            node = todo.pop()
            at_once |= node.type in {"|", "&", "|&"}
            calls += node.type == "command" and self._text(node) == self._text(name)
            if node.type != "function_definition":  # another function's calls
                todo += node.children
        return at_once and calls > 1

    def walk_lines(self, budget: Budget) -> None:
        """Collect the commands of each line on its own.

        Behind what the grammar does not understand, it may take code for text. Lines
        of here-documents are left out, as far as they are known to end.
        """
        at = 0
        for number, line in enumerate(self._source.splitlines(keepends=True)):
            start, at = at, at + len(line)
            known = any(first <= start < last for first, last in self._texts)
            if number >= MAX_LINES or known or not line.strip():
                continue
            part = line.strip()[:MAX_LINE_BYTES]
            root = parsed(part, budget)
            if root is None:
                return
            reader = Reader(part)
            reader.walk(root)
            self.commands += reader.commands

    # --- commands ---------------------------------------------------------------------

    def _command(self, node: Node, scope: Scope) -> None:
        more, stray = self._additions.pop(node.id, ([], []))
        redirects, found = _taken(self._parts(node.children))
        self._emit(([*redirects, *more], [*found, *stray]), scope)
        before = self._before.pop(node.id, None)
        if before is not None and may_read(tuple(found)):
            self.commands[-1] = replace(self.commands[-1], piped=self._printed(before))

    def _printed(self, node: Node) -> Word | None:
        """Return what a command prints into a pipe (see ``printed``)."""
        if node.type == "heredoc_redirect":
            return self._printed_document(node)
        body = node
        if node.type == "redirected_statement":
            body = node.child_by_field_name("body") or node
        if body.type == "negated_command":
            body = body.named_children[-1]
        if body.type != "command":
            return UNSEEN
        return printed(tuple(_taken(self._parts(body.children))[1]))

    def _printed_document(self, node: Node) -> Word:
        """Return the text of a here-document, as far as ``cat`` prints it."""
        owner = node.parent and node.parent.child_by_field_name("body")
        if owner is None or self._text(owner) != "cat":
            return UNSEEN
        bodies = [child for child in node.children if child.type == "heredoc_body"]
        return Word("".join(map(self._text, bodies)))

    def _redirected(self, node: Node, scope: Scope) -> None:
        """Give redirections to the command they stand behind, or to none."""
        additions = _taken(self._parts(node.children))
        body = node.child_by_field_name("body")
        while body is not None and body.type in {"list", "pipeline", "negated_command"}:
            body = body.named_children[-1] if body.named_children else None
        if body is not None and body.type == "command":
            self._additions[body.id] = additions
        else:
            self._emit(additions, scope)

    def _debris(self, node: Node, scope: Scope) -> None:
        """Take the words that stand beside each other in an error for a command."""
        self.broken = True
        run: list[Node] = []
        for child in (*node.children, None):
            if child is not None and (child.type in _WORDS or child.type in _REDIRECTS):
                run.append(child)
            elif run:
                self._emit(_taken(self._parts(run)), scope)
                run = []

    def _emit(self, taken: Additions, scope: Scope) -> None:
        redirects, found = taken
        command = Command(words=tuple(found), redirects=tuple(redirects), scope=scope)
        self.plain = self.plain and all(word.literal for word in command.words)
        self.commands.append(command)

    def _parts(self, nodes: list[Node]) -> Iterator[Redirect | Word]:
        """Yield the words and redirections among ``nodes``.

        The grammar takes words after a redirection for more targets: ``rm >x -f``.
        """
        before: Node | None = None
        pieces: list[Piece] = []
        for node in _opened(nodes):
            if node.type not in _REDIRECTS:
                gap = self._between(before, node)
                if pieces and gap[:1] in {" ", "\t"}:
                    yield words.joined(pieces)
                    pieces = []
                pieces += [words.bare(gap.lstrip(" \t")), self._piece(node)]
            elif node.type == "heredoc_redirect":
                yield from self._here_document(node)
            else:
                yield from self._redirect(node)
            before = node
        if pieces:
            yield words.joined(pieces)

    def _between(self, before: Node | None, node: Node) -> str:
        """Return the source between two nodes, without line breaks that are escaped.

        The grammar leaves out blanks, and an escaped blank before a word.
        """
        if before is None:
            return ""
        left_out = self._source[before.end_byte : node.start_byte]
        return left_out.decode("utf-8", "replace").replace("\\\n", "")

    def _redirect(self, node: Node) -> Iterator[Redirect | Word]:
        operator = next((c.type for c in node.children if not c.is_named), "")
        found = _taken(self._parts(node.children))[1]
        if node.type == "herestring_redirect":
            yield Redirect(operator=operator, text=found[0] if found else None)
        else:
            yield Redirect(operator=operator, target=found[0] if found else None)
        yield from found[1:]

    def _here_document(self, node: Node) -> Iterator[Redirect | Word]:
        bodies = [child for child in node.children if child.type == "heredoc_body"]
        if any(
            c.type == "heredoc_end" and c.end_byte > c.start_byte for c in node.children
        ):
            self._texts += [(body.start_byte, body.end_byte) for body in bodies]
        texts = [Word(self._text(b), not b.named_child_count) for b in bodies]
        yield Redirect(operator="<<", text=texts[0] if texts else None)
        yield from self._parts(node.children)

    # --- words ------------------------------------------------------------------------

    def _piece(self, node: Node) -> Piece:
        source = self._text(node)
        match node.type:
            case "raw_string":
                return words.single(source)
            case "string":
                inside = (c.type for c in node.children if c.is_named)
                literal = all(kind == "string_content" for kind in inside)
                return words.double(source, literal=literal)
            case "translated_string":
                return words.double(source[1:], literal=False)
            case "ansi_c_string":
                return words.ansi(source)
            case "word" | "number":
                return words.bare(source)
            case "$":  # of `$"…"`
                return words.expanded("")
            case _ if not node.is_named:
                return words.bare(source)
            case _:
                return words.expanded(source)

    def _text(self, node: Node) -> str:
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _piped_into(document: Node) -> Node | None:
    """Return the command that a here-document's own command pipes into, if any."""
    found = next((c for c in document.children if c.type == "pipeline"), None)
    return found and _first_of(found)


def _first_of(node: Node) -> Node:
    """Return the first command of a group or a pipeline: it reads what comes in."""
    while node.type in _GROUPS and node.named_children:
        node = node.named_children[0]
    return node


def _opened(nodes: list[Node]) -> Iterator[Node]:
    """Yield the redirections and the parts of words among ``nodes``.

    A concatenation holds them; it may also hold words with blanks between.
    """
    for node in nodes:
        if node.type == "concatenation":
            yield from node.children
        elif node.type == "command_name":
            yield from _opened(node.children)
        elif node.type in _WORDS or node.type in _REDIRECTS or node.type == "$":
            yield node


def _taken(parts: Iterator[Redirect | Word]) -> Additions:
    redirects: list[Redirect] = []
    found: list[Word] = []
    for part in parts:
        if isinstance(part, Redirect):
            redirects.append(part)
        else:
            found.append(part)
    return redirects, found
