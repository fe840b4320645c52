"""Calls that models write into their text, in the form of each family's template."""

import json

from codex_scenarios.calls import echo
from scripted_upstream import DONE, Scenario, ended, said, says, streamed

BAR = "\uff5c"


def _written(name: str, text: str, *outputs: str) -> Scenario:
    return Scenario(
        name=name,
        turns=(streamed(*said(text), *ended()), says(DONE)),
        ran=outputs or (f"ran-{name}\n",),
    )


def _object(name: str) -> str:
    return json.dumps({"name": "exec_command", "arguments": echo(name)})


def _dsml(name: str) -> str:
    tag = f"{BAR}DSML{BAR}"
    return (
        f'<{tag}function_calls>\n<{tag}invoke name="exec_command">\n'
        f'<{tag}parameter name="cmd" string="true">{echo(name)["cmd"]}</{tag}parameter>'
        f"\n</{tag}invoke>\n</{tag}function_calls>"
    )


INNOCENT = (
    "A tool call of this model looks as follows:\n\n```json\n"
    '{"name": "exec_command", "arguments": {"cmd": "echo never"}}\n```\n\n'
    "and `<tool_call>` marks where it begins. Nothing was run."
)

SCENARIOS = (
    _written("txt-hermes", f"<tool_call>\n{_object('txt-hermes')}\n</tool_call>"),
    _written(
        "txt-hermes2",
        f"<tool_call>\n{_object('one')}\n</tool_call>\n"
        f"<tool_call>\n{_object('one')}\n</tool_call>",
        "ran-one\n",
        "ran-one\n",
    ),
    _written("txt-bare", _object("txt-bare")),
    _written(
        "txt-barefn",
        json.dumps(
            {
                "type": "function",
                "function": {"name": "exec_command", "parameters": echo("txt-barefn")},
            }
        ),
    ),
    _written("txt-fence", f"```json\n{_object('txt-fence')}\n```"),
    # Qwen3-Coder often forgets the tag that opens.
    _written(
        "txt-qwencoder",
        f"<function=exec_command>\n<parameter=cmd>\n{echo('txt-qwencoder')['cmd']}\n"
        "</parameter>\n</function>\n</tool_call>",
    ),
    _written("txt-mistral", f"[TOOL_CALLS][{_object('txt-mistral')}]"),
    _written("txt-pythonic", '[exec_command(cmd="echo ran-txt-pythonic")]'),
    _written(
        "txt-harmony",
        "<|start|>assistant<|channel|>commentary to=functions.exec_command "
        f"<|constrain|>json<|message|>{json.dumps(echo('txt-harmony'))}<|call|>",
    ),
    _written(
        "txt-glm",
        "<tool_call>exec_command\n<arg_key>cmd</arg_key>\n"
        f"<arg_value>{echo('txt-glm')['cmd']}</arg_value>\n</tool_call>",
    ),
    _written("txt-dsml", _dsml("txt-dsml")),
    Scenario(name="txt-innocent", turns=(says(INNOCENT),), answers=(INNOCENT,)),
)
