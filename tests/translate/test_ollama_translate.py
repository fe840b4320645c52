"""Chat Completions requests as Ollama's, and its lines as chunks."""

import msgspec
import pytest

from codex_oss.translate.ollama import chunk_from, to_ollama
from codex_oss.wire import chat, ollama

FUNCTION = chat.FunctionTool(
    chat.Function(name="add", description="Adds.", parameters={"type": "object"})
)
USER = chat.User(content="hello")


def _request(*messages: chat.Message, **more: object) -> chat.Request:
    asked = chat.Request(model="m", messages=list(messages or [USER]), stream=True)
    return msgspec.structs.replace(asked, **more)


def _sent(request: chat.Request, num_ctx: int | None = 32768) -> dict[str, object]:
    body = ollama.encode(to_ollama(request, num_ctx=num_ctx))
    return msgspec.json.decode(body, type=dict[str, object])


def _line(data: bytes) -> chat.Chunk | chat.ChunkError | None:
    line = ollama.decode_line(data)
    assert line is not None
    return chunk_from(line)


def _chunk(reason: str | None = None, **delta: object) -> chat.Chunk:
    said = msgspec.structs.replace(chat.Delta(), **delta)
    return chat.Chunk(choices=[chat.Choice(said, reason)])


# --- requests ------------------------------------------------------------------------


def test_a_bare_request_has_its_context_and_refuses_truncation() -> None:
    assert _sent(_request()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "options": {"num_ctx": 32768},
        "truncate": False,
        "shift": False,
        "stream": True,
    }


def test_a_conversation_keeps_calls_outputs_and_thoughts() -> None:
    call = chat.ToolCall("call_1", chat.ToolFunction("add", '{"a":1,"b":2}'))
    other = chat.ToolCall("call_2", chat.ToolFunction("stop", {}))
    request = _request(
        chat.System(content="Be short."),
        chat.Developer(content="Be kind."),
        USER,
        chat.Assistant(content="Yes.", reasoning="hm", tool_calls=[call, other]),
        chat.Tool(tool_call_id="call_1", content="3"),
        chat.Tool(tool_call_id="lost", content="4"),
        chat.Assistant(content="It is 3.", reasoning_content="so"),
        tools=[FUNCTION],
    )

    assert to_ollama(request, num_ctx=None, keep_alive="30m") == ollama.Request(
        model="m",
        messages=[
            ollama.Message(role="system", content="Be short."),
            ollama.Message(role="system", content="Be kind."),
            ollama.Message(role="user", content="hello"),
            ollama.Message(
                role="assistant",
                content="Yes.",
                thinking="hm",
                tool_calls=[
                    ollama.ToolCall("call_1", ollama.Called("add", {"a": 1, "b": 2})),
                    ollama.ToolCall("call_2", ollama.Called("stop", {})),
                ],
            ),
            ollama.Message(
                role="tool", content="3", tool_name="add", tool_call_id="call_1"
            ),
            ollama.Message(role="tool", content="4", tool_call_id="lost"),
            ollama.Message(role="assistant", content="It is 3.", thinking="so"),
        ],
        tools=[FUNCTION],
        keep_alive="30m",
        truncate=False,
        shift=False,
        stream=True,
    )


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [("", {}), ("{}", {}), ("ls", {"arguments": "ls"}), ("[1]", {"arguments": "[1]"})],
)
def test_arguments_that_are_no_object_become_one(
    arguments: str, sent: dict[str, object]
) -> None:
    call = chat.ToolCall("c", chat.ToolFunction("f", arguments))

    request = to_ollama(
        _request(chat.Assistant(content="", tool_calls=[call])), num_ctx=None
    )

    assert request.messages[0].tool_calls[0].function.arguments == sent


def test_images_go_as_bare_base64_and_links_as_a_note() -> None:
    urls = (
        "data:image/png;base64,iVBORw0=",
        "DATA:image/jpeg;charset=x;BASE64,/9j/",
        "https://example.org/a.png",
        "data:image/svg+xml,<svg/>",
    )
    parts: list[chat.Part] = [chat.TextPart("What is this?")]
    parts += [chat.ImagePart(chat.ImageUrl(url)) for url in urls]

    assert to_ollama(_request(chat.User(content=parts)), num_ctx=1).messages == [
        ollama.Message(
            role="user",
            content=(
                "What is this?\n"
                "(an image stood here, as a link that cannot be opened: "
                "https://example.org/a.png)\n"
                "(an image stood here that cannot be read)"
            ),
            images=["iVBORw0=", "/9j/"],
        )
    ]


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        (None, None),
        ("none", False),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "max"),
        ("max", "max"),
    ],
)
def test_an_effort_is_how_long_to_think(effort: str | None, think: object) -> None:
    assert to_ollama(_request(reasoning_effort=effort), num_ctx=1).think == think


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}},
            {"a": 1},
        ),
    ],
)
def test_a_form_is_json_or_a_schema(
    form: dict[str, object] | None, sent: object
) -> None:
    assert to_ollama(_request(response_format=form), num_ctx=1).format == sent


def test_options_are_sent_only_when_they_are_set() -> None:
    asked = _request(temperature=0.0, top_p=0.5, seed=7, stop=["END"], max_tokens=9)

    assert _sent(asked, None)["options"] == {
        "num_predict": 9,
        "temperature": 0.0,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["END"],
    }
    assert _sent(_request(), None)["options"] == {}
    assert to_ollama(
        _request(max_completion_tokens=8), num_ctx=4
    ).options == ollama.Options(num_ctx=4, num_predict=8)


# --- answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "chunk"),
    [
        (
            b'{"message":{"role":"assistant","content":"Hi"},"done":false}',
            _chunk(content="Hi"),
        ),
        (
            b'{"message":{"role":"assistant","content":"","thinking":"hm"}}',
            _chunk(reasoning_content="hm"),
        ),
        (b'{"message":{"role":"assistant","content":""},"done":false}', None),
        (b'{"done":true,"done_reason":"length"}', _chunk("length")),
        (b'{"done":true,"done_reason":"load"}', _chunk("stop")),
        (b'{"done":true}', _chunk("stop")),
        (b'{"error":"server busy"}', chat.ChunkError("server busy")),
    ],
)
def test_a_line_is_a_chunk(data: bytes, chunk: chat.Chunk | None) -> None:
    assert _line(data) == chunk


def test_the_last_line_may_hold_calls_and_has_the_counts() -> None:
    chunk = _line(
        b'{"message":{"role":"assistant","content":"","tool_calls":['
        b'{"id":"call_1","function":{"index":0,"name":"f",'
        b'"arguments":{"a": "\xc3\xa9"}}},'
        b'{"function":{"name":"g","arguments":"{\\"b\\":1}"}},'
        b'{"function":{"name":"h","arguments":null}}]},'
        b'"done":true,"done_reason":"stop","prompt_eval_count":900,'
        b'"prompt_eval_cached_count":850,"eval_count":3}'
    )

    calls = [
        chat.CallDelta(id="call_1", function=chat.FunctionDelta("f", '{"a": "é"}')),
        chat.CallDelta(function=chat.FunctionDelta("g", '{"b":1}')),
        chat.CallDelta(function=chat.FunctionDelta("h", "{}")),
    ]
    assert chunk == chat.Chunk(
        choices=[chat.Choice(chat.Delta(tool_calls=calls), "stop")],
        usage=chat.Usage(
            prompt_tokens=900,
            completion_tokens=3,
            prompt_tokens_details=chat.PromptTokensDetails(850),
        ),
    )


def test_older_servers_do_not_say_what_was_cached() -> None:
    chunk = _line(b'{"done":true,"prompt_eval_count":26,"eval_count":3}')

    assert chunk == chat.Chunk(
        choices=[chat.Choice(chat.Delta(), "stop")],
        usage=chat.Usage(prompt_tokens=26, completion_tokens=3),
    )


def test_the_error_of_the_server_behind_is_unwrapped() -> None:
    inner = (
        '{"error":{"code":400,"message":"request (2622 tokens) exceeds the available '
        'context size (512 tokens), try increasing it",'
        '"type":"exceed_context_size_error"}}'
    )

    assert chunk_from(ollama.Fault(inner)) == chat.ChunkError(
        message="request (2622 tokens) exceeds the available context size "
        "(512 tokens), try increasing it",
        code="exceed_context_size_error",
        status=400,
    )


def test_an_error_that_only_looks_wrapped_stays_as_it_is() -> None:
    assert chunk_from(ollama.Fault("{not json")) == chat.ChunkError("{not json")
