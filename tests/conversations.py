"""Conversations as items, and the messages that should become of them."""

from typing import Any

from codex_oss.items import (
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    SummaryText,
)
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.request import to_chat
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

PNG = InputImage(image_url="data:image/png;base64,AA==", detail="high")
EXEC = responses.FunctionTool(name="exec_command", parameters={"type": "object"})
ECHO = responses.FunctionTool(name="echo")
DEMO = responses.NamespaceTool(name="mcp__demo", tools=[ECHO])
BACK = Quirks(reasoning_back="reasoning_content")


def developer(*texts: str) -> Message:
    return Message(role="developer", content=[InputText(text=text) for text in texts])


def said(text: str) -> Message:
    return Message(role="assistant", content=[OutputText(text=text)])


def call(call_id: str, arguments: str = "{}", **fields: Any) -> FunctionCall:
    given_fields = {"name": "exec_command", **fields}
    return FunctionCall(call_id=call_id, arguments=arguments, **given_fields)


def output(call_id: str, text: str = "ok") -> FunctionCallOutput:
    return FunctionCallOutput(call_id=call_id, output=text)


def thought(text: str) -> Reasoning:
    return Reasoning(
        summary=[SummaryText(text="short")], content=[ReasoningText(text=text)]
    )


def translate(
    *items: Item, quirks: Quirks | None = None, **fields: Any
) -> chat.Request:
    request = responses.Request(model="m", input=list(items), **fields)
    return to_chat(request, ToolMap(request.tools), quirks or Quirks())


def messages(*items: Item, quirks: Quirks | None = None) -> list[chat.Message]:
    return translate(*items, quirks=quirks).messages


def called(
    *calls: tuple[str, str], name: str = "exec_command", **said: Any
) -> chat.Assistant:
    return chat.Assistant(
        **{"content": "", **said},
        tool_calls=[
            chat.ToolCall(call_id, chat.ToolFunction(name, arguments))
            for call_id, arguments in calls
        ],
    )


def answered(call_id: str, text: str = "ok") -> chat.Tool:
    return chat.Tool(tool_call_id=call_id, content=text)
