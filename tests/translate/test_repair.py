"""What a model meant by the calls it got wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.translate import lenient
from codex_oss.translate.repair import explain, mend_arguments, mend_name

EXEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        "cmd": {"type": "string"},
        "workdir": {"type": "string"},
        "yield_time_ms": {"type": "number"},
        "tty": {"type": "boolean"},
        "prefix_rule": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["cmd"],
}
PLAN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "explanation": {"type": "string"},
        "plan": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "step": {"type": "string"},
                    "status": {"enum": ["pending", "completed"]},
                },
                "required": ["step", "status"],
            },
        },
    },
    "required": ["plan"],
}
PATCH: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
STDIN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "session_id": {"type": "integer"},
        "chars": {"type": ["string", "null"]},
    },
    "required": ["session_id"],
}
LS = '{"cmd":"ls"}'


@pytest.mark.parametrize(
    "text",
    [
        LS,
        '{ "cmd" : "ls",\n "tty": true }',
        '{"cmd":"ls","unknown":[1]}',
        '{"workdir":"/"}',
        '{"cmd":"echo \\"a\\"","yield_time_ms":1e3}',
        "{}",
    ],
)
def test_an_object_that_fits_comes_back_byte_for_byte(text: str) -> None:
    assert mend_arguments(text, EXEC) == text
    assert mend_arguments(text, None) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", {}),
        ("  \n", {}),
        ("null", {}),
        ('{"cmd":"ls"', {"cmd": "ls"}),
        ('{"cmd":"ls","tty":true\n', None),
        ('{"cmd":"ls"}}', {"cmd": "ls"}),
        ("{'cmd': 'ls'}", {"cmd": "ls"}),
        ("{'cmd': 'it\\'s'}", {"cmd": "it's"}),
        ("{cmd: 'ls', tty: True, workdir: None}", {"cmd": "ls", "tty": True}),
        ('{"cmd":"ls",}', {"cmd": "ls"}),
        ('{"cmd":"ls" "workdir":"/"}', {"cmd": "ls", "workdir": "/"}),
        ('{"cmd":"a\nb\tc"}', {"cmd": "a\nb\tc"}),
        ('{"cmd":"grep \\d \\u00e9 \\ud83d\\ude00"}', {"cmd": "grep \\d é 😀"}),
        (LS + LS, {"cmd": "ls"}),
        (f"{LS}\n{LS}", {"cmd": "ls"}),
        (json.dumps(LS), {"cmd": "ls"}),
        (f"```json\n{LS}\n```", {"cmd": "ls"}),
        (f"```\n{LS}", {"cmd": "ls"}),
        (LS + "<|call|>", {"cmd": "ls"}),
        (f"[{LS}]", {"cmd": "ls"}),
        ("ls -la", {"cmd": "ls -la"}),
        ('"ls -la"', {"cmd": "ls -la"}),
        ("cat <<'E'\n{x}\nE", {"cmd": "cat <<'E'\n{x}\nE"}),
        ('["bash", "-lc", "ls | wc"]', {"cmd": "ls | wc"}),
    ],
)
def test_broken_json_is_read_as_it_was_meant(
    text: str, meant: dict[str, Any] | None
) -> None:
    mended = mend_arguments(text, EXEC)
    assert (None if mended is None else json.loads(mended)) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"command":"ls"}', {"cmd": "ls"}),
        ('{"script":"ls","cwd":"/"}', {"cmd": "ls", "workdir": "/"}),
        ('{"command":["bash","-lc","ls"]}', {"cmd": "ls"}),
        ('{"cmd":["ls","-la","a b"]}', {"cmd": "ls -la 'a b'"}),
        ('{"cmd":["ls -la"]}', {"cmd": "ls -la"}),
        ('{"cmd":5}', {"cmd": "5"}),
        ('{"cmd":"ls","yield_time_ms":"1000"}', {"cmd": "ls", "yield_time_ms": 1000}),
        ('{"cmd":"ls","tty":"true"}', {"cmd": "ls", "tty": True}),
        ('{"cmd":"ls","workdir":null}', {"cmd": "ls"}),
        (
            '{"cmd":"ls","prefix_rule":"[\\"ls\\"]"}',
            {"cmd": "ls", "prefix_rule": ["ls"]},
        ),
        ('{"arguments":{"cmd":"ls"}}', {"cmd": "ls"}),
        ('{"name":"exec_command","parameters":{"command":"ls"}}', {"cmd": "ls"}),
        ('{"input":"{\\"cmd\\":\\"ls\\"}"}', {"cmd": "ls"}),
    ],
)
def test_fields_take_the_names_and_types_of_the_schema(
    text: str, meant: dict[str, Any]
) -> None:
    assert json.loads(mend_arguments(text, EXEC) or "null") == meant


def test_fields_inside_of_lists_are_mended_too() -> None:
    text = '{"steps":"[{\\"title\\":\\"look\\",\\"status\\":\\"pending\\"}]"}'
    assert json.loads(mend_arguments(text, PLAN) or "null") == {
        "plan": [{"step": "look", "status": "pending"}]
    }
    one = '{"plan":{"step":"look","status":"pending"}}'
    assert json.loads(mend_arguments(one, PLAN) or "null") == {
        "plan": [{"step": "look", "status": "pending"}]
    }


def test_a_patch_comes_under_another_key_or_as_plain_text() -> None:
    patch = "*** Begin Patch\n*** Delete File: a\n*** End Patch"
    for text in (json.dumps({"patch": patch}), patch):
        assert json.loads(mend_arguments(text, PATCH) or "null") == {"input": patch}


def test_integers_are_read_from_text_and_from_whole_floats() -> None:
    assert mend_arguments('{"session_id":"7"}', STDIN) == '{"session_id":7}'
    assert mend_arguments('{"session_id":"7.0"}', STDIN) == '{"session_id":7}'
    kept = '{"session_id":7,"chars":null}'
    assert mend_arguments(kept, STDIN) == kept


@pytest.mark.parametrize(
    "text",
    [
        '{"cmd":"rm -rf /tmp/x',  # half a command
        '{"cmd":"ls",',  # another field was to come
        '{"cmd":"ls","wor',
        '{"cmd":"ls","yield_time_ms":12',  # or 120?
        '{"cmd":["rm","-rf"',
        '{"cmd":"ls","tty":tru',
        "{",
        '{"cmd":"ls"}{"cmd":"pwd"}',  # which of them?
        '{"cmd":"echo "hi""}',
        '{"cmd":"a"] ',
        '["a", 1',
        '{"cmd"',
        '{"cmd":"\\u12"}',
        "{" * 100 + "}" * 100,
    ],
)
def test_what_would_have_to_be_guessed_is_refused(text: str) -> None:
    assert mend_arguments(text, EXEC) is None


def test_plain_text_needs_a_tool_with_one_required_string() -> None:
    assert mend_arguments("look around", PLAN) is None
    assert mend_arguments("look around", None) is None
    assert mend_arguments("7", STDIN) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"cmd":["cd src","ls"]}',  # two commands or one?
        '{"cmd":["ls",1]}',
        '{"command":"ls","script":"pwd"}',
        '{"cmd":"ls","yield_time_ms":"soon"}',
        '{"cmd":"ls","command":"pwd"}',
    ],
)
def test_fields_that_could_mean_two_things_stay(text: str) -> None:
    assert mend_arguments(text, EXEC) == text


def test_huge_broken_arguments_are_refused_and_huge_escapes_take_linear_time() -> None:
    assert mend_arguments("{'cmd': '" + "x" * (4 * 1024 * 1024) + "'}", EXEC) is None
    command = "a\n" * 100_000
    broken = json.dumps({"cmd": command})[:-1]
    assert json.loads(mend_arguments(broken, EXEC) or "null") == {"cmd": command}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_the_lenient_reader_reads_all_json(value: Any) -> None:
    for text in (json.dumps([value]), json.dumps([value], ensure_ascii=False)):
        assert lenient.read(text) == ([value], len(text))


@given(st.text(alphabet="{}[]\"':,\\u0aTruNone1.- \n`<|"))
def test_any_text_is_mended_to_an_object_or_refused(text: str) -> None:
    mended = mend_arguments(text, EXEC)
    assert mended is None or isinstance(json.loads(mended), dict)


OFFERED = (
    "exec_command",
    "apply_patch",
    "update_plan",
    "mcp__demo__echo",
    "multi_agent_v1__wait_agent",
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("exec_command", "exec_command"),
        ("functions.exec_command", "exec_command"),
        ("functions__exec_command", "exec_command"),
        ("default_api.exec_command", "exec_command"),
        ("to=functions.exec_command", "exec_command"),
        ("exec_command<|channel|>commentary", "exec_command"),
        ("exec_command json", "exec_command"),
        ("execCommand", "exec_command"),
        ("Exec-Command", "exec_command"),
        ("shell", "exec_command"),
        ("bash", "exec_command"),
        ("container.exec", "exec_command"),
        ("tools.run_shell_command", "exec_command"),
        ("applypatch", "apply_patch"),
        ("plan", "update_plan"),
        ("mcp__demo.echo", "mcp__demo__echo"),
        ("functions.mcp__demo__echo", "mcp__demo__echo"),
        ("echo", "mcp__demo__echo"),
        ("wait_agent", "multi_agent_v1__wait_agent"),
        ("python", None),
        ("read_file", None),
        ("edit_file", None),
        ("other.exec_command", None),
        ("functions.", None),
        ("", None),
        ("<|channel|>", None),
    ],
)
def test_a_name_means_the_tool_that_it_can_only_mean(
    name: str, meant: str | None
) -> None:
    assert mend_name(name, OFFERED) == meant


def test_a_name_that_two_tools_share_means_none() -> None:
    assert mend_name("echo", ("mcp__a__echo", "mcp__b__echo")) is None
    assert mend_name("runTests", ("run_tests", "run-tests")) is None


def test_a_synonym_means_nothing_when_its_tool_is_not_offered() -> None:
    assert mend_name("bash", ("apply_patch",)) is None
    assert mend_name("bash", ("bash", "exec_command")) == "bash"


def test_the_model_is_told_which_tools_there_are() -> None:
    assert explain("read_file", "{}", {"exec_command": EXEC, "update_plan": PLAN}) == (
        "There is no tool `read_file`. Tools: exec_command, update_plan. "
        'For example: exec_command {"cmd":"ls"}'
    )
    assert explain("x", "{}", {}) == "There is no tool `x`. Tools: none."


def test_the_model_is_told_what_a_tool_takes() -> None:
    tools: dict[str, dict[str, Any] | None] = {
        "exec_command": PATCH | {"required": []},
        "update_plan": PLAN,
        "get_goal": None,
    }
    assert explain("update_plan", '{"plan":[{"step', tools) == (
        "The arguments of `update_plan` are not one JSON object. It takes: "
        "explanation (string), plan (array, required). "
        'Send: update_plan {"plan":[{"step":"...","status":"pending"}]}'
    )
    assert explain("plan", '{"explanation":"x"}', tools) == (
        "The call of `update_plan` has the wrong arguments: `plan` is missing. "
        "It takes: explanation (string), plan (array, required). "
        'Send: update_plan {"plan":[{"step":"...","status":"pending"}]}'
    )
    assert explain("get_goal", "{", tools) == (
        "The arguments of `get_goal` are not one JSON object. "
        "It takes no arguments. Send: get_goal {}"
    )
