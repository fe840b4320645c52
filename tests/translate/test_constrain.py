"""Tools for models that know none: what they read, what they may reply, the reply."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.translate.constrain import (
    AnswerText,
    CallArguments,
    CallClosed,
    CallOpened,
    Offered,
    Piece,
    ReplyDecoder,
    prompt,
    render_call,
    render_output,
    schema,
)

EXEC = Offered(
    "exec_command",
    "Runs a command in a shell. Long commands go on in the background.",
    {
        "type": "object",
        "properties": {
            "cmd": {"type": "string", "description": "The command.", "minLength": 1},
            "workdir": {"type": "string"},
            "tty": {"type": "boolean"},
        },
        "required": ["cmd"],
    },
)
PLAN = Offered(
    "update_plan",
    "Shows the plan",
    {
        "type": "object",
        "properties": {
            "plan": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "step": {"type": "string", "pattern": "^.+$"},
                        "status": {"type": "string", "enum": ["pending", "completed"]},
                    },
                    "required": ["step", "status"],
                },
            }
        },
        "required": ["plan"],
    },
)
TEXT = {"type": "string", "maxLength": 1900}


def test_the_model_reads_one_line_per_tool_and_how_to_reply() -> None:
    assert prompt([EXEC, PLAN]) == (
        "Tools:\n"
        "exec_command(cmd: string) - Runs a command in a shell.\n"
        "update_plan(plan: array) - Shows the plan\n"
        "\n"
        "Reply with JSON only.\n"
        "To list files:\n"
        '{"tool":"exec_command","arguments":{"cmd":"ls"}}\n'
        "To list python files:\n"
        '{"tool":"exec_command","arguments":{"cmd":"ls *.py"}}\n'
        "To read a file:\n"
        '{"tool":"exec_command","arguments":{"cmd":"cat FILE"}}\n'
        "To answer the user:\n"
        '{"answer":"The output is: ..."}'
    )


def test_without_a_shell_the_first_tool_is_the_example() -> None:
    call = (
        '{"tool":"update_plan","arguments":'
        '{"plan":[{"step":"...","status":"pending"}]}}'
    )
    assert f"\nTo call a tool:\n{call}\nTo answer" in prompt([PLAN])


def test_a_long_description_ends_with_a_whole_word() -> None:
    tool = Offered("look", "word " * 100, {})
    line = prompt([tool]).split("\n")[1]
    assert line == "look() - " + ("word " * 14).strip() + "."


def test_the_schema_allows_each_call_and_the_answer() -> None:
    def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        }

    step = {"step": TEXT, "status": {"enum": ["pending", "completed"]}}
    items = closed(step, "step", "status")
    plan = {"plan": {"type": "array", "items": items, "maxItems": 16}}
    command = closed({"cmd": TEXT}, "cmd")
    answer = closed({"answer": TEXT}, "answer")
    assert schema([EXEC, PLAN]) == {
        "anyOf": [
            closed(
                {"tool": {"const": "exec_command"}, "arguments": command},
                "tool",
                "arguments",
            ),
            closed(
                {"tool": {"const": "update_plan"}, "arguments": closed(plan, "plan")},
                "tool",
                "arguments",
            ),
            answer,
        ]
    }
    assert schema([]) == answer


def test_parameters_of_all_types_are_bounded() -> None:
    deep: dict[str, Any] = {"type": "array", "items": {"type": "array"}}
    fields = {
        "a": {"type": ["integer", "null"], "minimum": 1},
        "b": {"const": 3},
        "c": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "d": {"type": "object"},
        "e": {"type": "array", "items": deep},
        "f": True,
    }
    tool = Offered("all", "", {"properties": fields, "required": list(fields)})
    arguments = schema([tool])["anyOf"][0]["properties"]["arguments"]
    nested = {
        "type": "array",
        "items": {
            "type": "array",
            "items": {"type": "array", "items": TEXT, "maxItems": 16},
            "maxItems": 16,
        },
        "maxItems": 16,
    }
    assert arguments["properties"] == {
        "a": {"type": "integer"},
        "b": {"const": 3},
        "c": {"type": "boolean"},
        "d": {"type": "object"},
        "e": nested,
        "f": TEXT,
    }


def test_an_earlier_call_looks_as_the_model_wrote_it() -> None:
    assert render_call("exec_command", '{ "cmd": "ls" }') == (
        '{"tool":"exec_command","arguments":{"cmd":"ls"}}'
    )
    assert render_call("get_goal", "") == '{"tool":"get_goal","arguments":{}}'
    assert render_call("apply_patch", "*** Begin") == (
        '{"tool":"apply_patch","arguments":"*** Begin"}'
    )


HEAD = "Chunk ID: 4f2a1c\nWall time: 0.0123 seconds\n"
NEXT = "\nNow answer the user, when the task is done."


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("a.py\nb.py\n", "The output is: [a.py, b.py]"),
        ("def f():\n    pass\n", "The output is:\ndef f():\n    pass"),
        (
            f"{HEAD}Process exited with code 0\nOriginal token count: 2\nOutput:\nx\ny",
            "The output is: [x, y]",
        ),
        (
            f"{HEAD}Process exited with code 1\nOriginal token count: 2\nOutput:\nno\n",
            "The output is:\nProcess exited with code 1\nno",
        ),
        (
            f"{HEAD}Process running with session ID 7\nOutput:\n",
            "The output is:\nProcess running with session ID 7",
        ),
        ("Output:\nof a file", "The output is:\nOutput:\nof a file"),
        ("", "The output is:\n(run printed nothing)"),
        ("a\n" * 51, "The output is:\n" + ("a\n" * 51).strip()),
    ],
)
def test_an_output_comes_without_its_record_and_names_as_a_list(
    output: str, told: str
) -> None:
    assert render_output("run", output) == told + NEXT


# --- the reply ---------------------------------------------------------------------


def joined(pieces: list[Piece]) -> list[Piece]:
    """Join neighbours of one kind."""
    result: list[Piece] = []
    for piece in pieces:
        match result[-1:], piece:
            case [AnswerText(before)], AnswerText(text):
                result[-1] = AnswerText(before + text)
            case [CallArguments(before)], CallArguments(text):
                result[-1] = CallArguments(before + text)
            case _:
                result.append(piece)
    return result


def decode(*chunks: str) -> list[Piece]:
    decoder = ReplyDecoder()
    pieces = [piece for chunk in chunks for piece in decoder.feed(chunk)]
    return joined(pieces + decoder.finish())


def call(name: str, arguments: str) -> list[Piece]:
    return [CallOpened(name), CallArguments(arguments), CallClosed()]


REPLIES: list[tuple[str, list[Piece]]] = [
    ('{"answer":"Hello"}', [AnswerText("Hello")]),
    (
        ' {\n "answer" : "a\\n\\"b\\" \\\\ \\/ \\d" \n}\n',
        [AnswerText('a\n"b" \\ / \\d')],
    ),
    (
        '{"answer":"\\u00e9 \\ud83d\\ude00 \\ud83d! \\ude00"}',
        [AnswerText("é 😀 \ufffd! \ufffd")],
    ),
    ('{"answer":"two\nlines"}', [AnswerText("two\nlines")]),
    ('{"answer":""}', []),
    (
        '{"tool":"exec_command","arguments":{"cmd":"echo }\\"{"}}',
        call("exec_command", '{"cmd":"echo }\\"{"}'),
    ),
    (
        '{\n  "tool": "p",\n  "arguments": {"plan": [{"step": "a"}]}\n}',
        call("p", '{"plan": [{"step": "a"}]}'),
    ),
    ('{"arguments":{"cmd":"ls"},"tool":"x"}', call("x", '{"cmd":"ls"}')),
    ('{"tool":"x"}', call("x", "{}")),
    ('{"tool":"x","arguments":"raw"}', call("x", '"raw"')),
    ('{"tool":"x","arguments":7}', call("x", "7")),
    ('{"tool":"x","why":[1,"}"],"arguments":{}}', call("x", "{}")),
    ('{"tool":"x","arguments":{}}\n{"tool":"y"}', call("x", "{}") + call("y", "{}")),
    ('{"answer":"a"}{"tool":"y"}', [AnswerText("a"), *call("y", "{}")]),
    # cut off
    ('{"answer":"Hel', [AnswerText("Hel")]),
    ('{"answer":"Hel\\', [AnswerText("Hel")]),
    ('{"answer":"Hel\\ud83d', [AnswerText("Hel\ufffd")]),
    ('{"tool":"x","arguments":{"cmd":"l', call("x", '{"cmd":"l')),
    ('{"tool":"x","argu', call("x", "{}")),
    ('{"tool":"exec_com', [AnswerText('{"tool":"exec_com')]),
    ("{", [AnswerText("{")]),
    # of another form
    ("", []),
    ("  \n", []),
    ("Hello {you}", [AnswerText("Hello {you}")]),
    ("\n Hello", [AnswerText("\n Hello")]),
    ('{"name":"Ann"}', [AnswerText('{"name":"Ann"}')]),
    ("{}", [AnswerText("{}")]),
    ('{"arguments":{"cmd":"ls"}}', [AnswerText('{"arguments":{"cmd":"ls"}}')]),
    ('{"answer":7}', [AnswerText('{"answer":7}')]),
    ('{"answer" "a"}', [AnswerText('{"answer" "a"}')]),
    ("[1, 2]", [AnswerText("[1, 2]")]),
    ('{"answer":"a"} and more', [AnswerText("a and more")]),
    ('{"tool":"x","arguments":{}} ok', [*call("x", "{}"), AnswerText(" ok")]),
    ('{"tool":"x" oops', [*call("x", "{}"), AnswerText("oops")]),
    ('{"' + "k" * 300, [AnswerText('{"' + "k" * 300)]),
]


@pytest.mark.parametrize(("text", "pieces"), REPLIES)
def test_a_reply_is_read_whole_and_character_by_character(
    text: str, pieces: list[Piece]
) -> None:
    assert decode(text) == pieces
    assert decode(*text) == pieces


def test_an_answer_and_arguments_come_out_while_they_come_in() -> None:
    decoder = ReplyDecoder()
    assert decoder.feed('{"answer": "Hel') == [AnswerText("Hel")]
    assert decoder.feed("lo") == [AnswerText("lo")]
    assert decoder.feed('"}') == []
    assert decoder.feed('{"tool":"x"') == [CallOpened("x")]
    assert decoder.feed(',"arguments":{"cmd"') == [CallArguments('{"cmd"')]
    assert decoder.feed(':"ls"}') == [CallArguments(':"ls"}')]
    assert decoder.feed("}") == [CallClosed()]
    assert decoder.finish() == []


pieces_of_json = st.sampled_from(
    [
        *('{"answer":"', '{"tool":"x"', ',"arguments":', '{"cmd":"', '"}', "}", "{"),
        *("\\", '"', "\\u", "d83d", "\\ude00", " ", "\n", ",", ":", "a", "[", "]", "7"),
    ]
)


@given(st.lists(pieces_of_json).map("".join), st.data())
def test_every_chunking_gives_the_same_pieces(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(text))))
    edges = [0, *sorted(cuts), len(text)]
    chunks = [text[a:b] for a, b in pairwise(edges)]
    assert decode(*chunks) == decode(text)


@given(st.text())
def test_every_answer_comes_back_as_it_was_written(answer: str) -> None:
    expected: list[Piece] = [AnswerText(answer)] if answer else []
    for ascii_only in (True, False):
        text = json.dumps({"answer": answer}, ensure_ascii=ascii_only)
        assert decode(text) == expected


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers()))
def test_a_rendered_call_is_read_back(name: str, arguments: dict[str, Any]) -> None:
    plain = "".join(filter(str.isalnum, name)) or "x"
    text = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    read = decode(render_call(plain, text))
    assert read[0] == CallOpened(plain)
    assert isinstance(read[1], CallArguments)
    assert json.loads(read[1].text) == arguments
    assert read[2:] == [CallClosed()]
