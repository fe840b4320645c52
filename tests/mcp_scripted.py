"""An MCP server on stdio that does what its argument says; a double for tests.

``demo`` has the tools of the captures of the Codex CLI; the others are good servers
with one bad habit, or none at all.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
READ_ONLY = {"annotations": {"readOnlyHint": True}}
OBJECT: dict[str, Any] = {"type": "object", "properties": {}}


def tool(name: str, schema: Any = OBJECT, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema, **more}


TEXT_SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
}
DEMO = [
    tool("echo", TEXT_SCHEMA, **READ_ONLY),
    tool("fail", **READ_ONLY),
    tool("rpcerr", **READ_ONLY),
    tool("img", **READ_ONLY),
    tool("write-thing"),
]
ODD: list[Any] = [
    *(tool(name, **READ_ONLY) for name in ("a.b", "a/b", "a_b", "x" * 90)),
    tool("no schema", None),
    tool("a list", [1, 2]),
    tool("a string", {"type": "string"}),
    tool("", OBJECT),
    tool("y" * 1000),
    "no tool",
    {"name": 7},
    tool("huge", {"type": "object", "description": "z" * 100_000}),
]
MANY = [tool(f"thing_{n:03}", TEXT_SCHEMA, **READ_ONLY) for n in range(200)]

ENDLESS = {
    "no newline": "x" * 65536,
    "nonsense": "this is no JSON\n",
    "flood": '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}\n',
}


def text(told: str, *, error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": told}], "isError": error}


class Peer:
    """The server: reads stdin line by line, answers on stdout."""

    def __init__(self, mode: str, file: Path) -> None:
        self.mode = mode
        self.file = file
        self.calls = 0
        self.tools: list[Any] = {"odd": ODD, "many": MANY}.get(mode, list(DEMO))
        self.lines = self._lines()

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in sys.stdin:
            yield json.loads(line)

    def send(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()

    def serve(self) -> None:
        """Answer until stdin ends."""
        for asked in self.lines:
            if "method" not in asked or "id" not in asked:
                continue
            self.answer(asked["id"], asked["method"], asked.get("params") or {})

    def answer(self, number: Any, method: str, params: dict[str, Any]) -> None:
        if method == "tools/call":
            result = self.call(params["name"], params.get("arguments") or {})
        else:
            result = self.other(method, params)
        key = "error" if "code" in result else "result"
        self.send({"id": number, key: result})

    def other(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                return {
                    "protocolVersion": params["protocolVersion"],
                    "capabilities": {
                        "tools": {"listChanged": True},
                        **({"resources": {}} if "resources" in self.mode else {}),
                    },
                    "serverInfo": {"name": "scripted", "version": "1"},
                }
            case "tools/list" if self.mode == "changes without end":
                self.file.write_text(self.file.read_text() + "x")
                self.send({"method": "notifications/tools/list_changed"})
                return {"tools": self.tools}
            case "tools/list" if self.mode == "endless":
                return {"tools": self.tools, "nextCursor": "more"}
            case "tools/list":
                return {"tools": self.tools}
            case "resources/list" if self.mode == "broken resources":
                return {"code": -32000, "message": "boom"}
            case "resources/list":
                return {"resources": [{"uri": "demo://a", "name": "a"}]}
            case "resources/templates/list":
                return {"resourceTemplates": [{"uriTemplate": "demo://{x}"}]}
            case "resources/read":
                return {"contents": [{"uri": params["uri"], "text": "the text"}]}
            case _:
                return {"code": -32601, "message": "Method not found"}

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        match self.mode:
            case "wrong shapes":
                return {"content": "text", "structuredContent": None, "isError": "no"}
            case "ask":
                return self.ask(arguments)
            case "pages":
                return self.pages()
            case "grow":
                self.tools.append(tool("new", **READ_ONLY))
                self.send({"method": "notifications/tools/list_changed"})
            case "environment":
                return text(json.dumps(dict(os.environ)))
            case _:
                self.misbehave()
        return self.demo(name, arguments)

    def misbehave(self) -> None:
        while endless := ENDLESS.get(self.mode):
            sys.stdout.write(endless)
        match self.mode:
            case "die":
                os._exit(7)
            case "die once" if not self.file.exists():
                self.file.touch()
                sys.stderr.write("out of luck\n")
                sys.stderr.flush()
                os._exit(7)
            case "ask twenty times":
                for _ in range(20):
                    self.ask({})
            case "ask without end":
                while True:
                    self.ask({})
            case "hang":
                for _ in self.lines:
                    pass
            case _:
                pass

    def demo(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        match name:
            case "fail":
                return text("it failed", error=True)
            case "rpcerr":
                return {"code": -32000, "message": "boom"}
            case "img":
                image = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
                return {"content": [{"type": "text", "text": "here"}, image]}
            case _:
                return text(f"echo: {arguments.get('text', name)}")

    def pages(self) -> dict[str, Any]:
        """Want a page opened before the first call is answered."""
        self.calls += 1
        page = {"mode": "url", "url": "https://a.example/x", "elicitationId": "p1"}
        data = {"elicitations": [page | {"message": "Log in."}]}
        needed = {"code": -32042, "message": "log in first", "data": data}
        return text("welcome") if self.calls > 1 else needed

    def ask(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Ask the person a form, or for a page, and tell what came back."""
        params: dict[str, Any] = {"message": "Sure?"}
        if "url" in schema:
            params |= {"mode": "url", "url": schema["url"], "elicitationId": "p1"}
        else:
            params["requestedSchema"] = schema or OBJECT
        self.send({"id": "q1", "method": "elicitation/create", "params": params})
        answer = next(line for line in self.lines if line.get("id") == "q1")
        return text(json.dumps(answer.get("result") or answer.get("error")))


def main() -> None:
    """Take the mode from the command line."""
    mode = sys.argv[1]
    if mode == "silent":
        sys.stdin.read()
    elif mode == "never starts":
        sys.exit("no such database")
    else:
        Peer(mode, Path(*sys.argv[2:])).serve()


if __name__ == "__main__":
    main()
