"""An MCP server on stdio with one tool, `echo`; a double for tests."""

import json
import sys
from typing import Any

TOOL = {
    "name": "echo",
    "description": "Says the text again.",
    "inputSchema": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    },
    "annotations": {"readOnlyHint": True},
}


def result_of(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return what a request is answered with."""
    match method:
        case "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "echo", "version": "1"},
            }
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            text = f"echo: {params['arguments']['text']}"
            return {"content": [{"type": "text", "text": text}], "isError": False}
        case _:
            return {}


def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        result = result_of(asked["method"], asked.get("params") or {})
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": result}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
