"""Efforts as each family of models, on each kind of server, can be told of them."""

from typing import Any

import pytest

from codex_oss.items import user
from codex_oss.translate.quirks import quirks_for
from codex_oss.translate.request import to_chat
from codex_oss.translate.thinking import FAMILIES, Thinking, nearest, thinking_of
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

NO_THINK = "Hi /no_think"


def sent(
    server: str, model: str, effort: str | None, instructions: str = ""
) -> tuple[str | None, dict[str, Any] | None, object]:
    """Return effort, variables and the last message that a server gets."""
    request = responses.Request(
        model=model,
        instructions=instructions,
        input=[user("Hi")],
        reasoning=responses.ReasoningParams(effort=effort),
    )
    made = to_chat(request, ToolMap(), quirks_for(server, model))
    last = made.messages[-1]
    assert isinstance(last, chat.User)
    return made.reasoning_effort, made.chat_template_kwargs, last.content


ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}


@pytest.mark.parametrize(
    ("server", "model", "effort", "told"),
    [
        # Switches of templates: each family's own variable.
        ("llamacpp", "Qwen3-8B-Q4_K_M.gguf", "none", ("none", OFF, "Hi")),
        ("llamacpp", "Qwen3-8B-Q4_K_M.gguf", "high", ("high", ON, "Hi")),
        ("llamacpp", "granite-3.3-8b", "high", ("high", {"thinking": True}, "Hi")),
        ("vllm", "zai-org/GLM-4.6", "minimal", ("none", OFF, "Hi")),
        ("vllm", "deepseek-ai/DeepSeek-V3.1", "low", ("low", {"thinking": True}, "Hi")),
        ("sglang", "google/gemma-4-26B-A4B-it", "medium", ("medium", ON, "Hi")),
        ("vllm", "nvidia/Nemotron-3-Nano-30B", "none", ("none", OFF, "Hi")),
        # Levels: the nearest word that the family knows.
        ("vllm", "openai/gpt-oss-20b", "none", ("low", None, "Hi")),
        ("sglang", "openai/gpt-oss-20b", "xhigh", ("high", None, "Hi")),
        ("ollama", "gpt-oss:20b", "none", ("low", None, "Hi")),
        ("ollama", "gpt-oss:20b", "high", ("high", None, "Hi")),
        ("lmstudio", "openai/gpt-oss-20b", "minimal", ("low", None, "Hi")),
        (
            "llamacpp",
            "Qwen3.8-27B",
            "high",
            (None, {"enable_thinking": True, "reasoning_effort": "xhigh"}, "Hi"),
        ),
        ("llamacpp", "Qwen3.8-27B", "none", ("none", OFF, "Hi")),
        # Nothing but the prompt, and only those families that read it there.
        ("lmstudio", "qwen/qwen3-8b", "none", ("none", None, NO_THINK)),
        ("unknown", "qwen3-8b", "minimal", (None, None, NO_THINK)),
        ("unknown", "qwen3-8b", "low", ("low", None, "Hi")),
        ("lmstudio", "smollm3-3b", "none", ("none", None, NO_THINK)),
        ("unknown", "qwen3.5-9b", "none", (None, None, "Hi")),
        # No switch: the server is not told what it would believe.
        ("vllm", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "none", (None, None, "Hi")),
        ("llamacpp", "QwQ-32B", "low", (None, None, "Hi")),
        ("llamacpp", "Magistral-Small-2509", "high", (None, None, "Hi")),
        ("lmstudio", "qwen3-coder-30b", "high", (None, None, "Hi")),
        # Ollama's own templates can keep it from thinking.
        ("ollama", "deepseek-r1:8b", "none", ("none", None, "Hi")),
        ("ollama", "qwen3:8b", "none", ("none", None, "Hi")),
        # As it is: nobody knows the family, or nobody asked.
        ("vllm", "acme/newest", "max", ("max", None, "Hi")),
        ("llamacpp", "newest", "xhigh", ("high", None, "Hi")),
        ("llamacpp", "qwen3-8b", None, (None, None, "Hi")),
        ("openai", "gpt-5.5", "none", ("none", None, "Hi")),
    ],
)
def test_an_effort_reaches_the_model_by_the_switch_that_it_has(
    server: str, model: str, effort: str | None, told: tuple[object, ...]
) -> None:
    assert sent(server, model, effort) == told


def test_a_switch_in_the_instructions_is_not_said_again() -> None:
    found = sent("unknown", "qwen3-8b", "none", instructions="Be brief. /no_think")
    assert found == (None, None, "Hi")


def test_the_switch_stands_behind_the_last_thing_that_was_said() -> None:
    request = responses.Request(
        model="qwen3-8b",
        instructions="Be brief.",
        input=[user("One"), user("Two")],
        reasoning=responses.ReasoningParams(effort="none"),
    )
    made = to_chat(request, ToolMap(), quirks_for("unknown", "qwen3-8b"))
    assert made.messages == [
        chat.System(content="Be brief."),
        chat.User(content="One"),
        chat.User(content="Two /no_think"),
    ]


@pytest.mark.parametrize(
    ("model", "control"),
    [
        ("gpt-oss:120b-cloud", "levels"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "never"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "always"),
        ("qwen3-coder-next", "never"),
        ("qwen3.6:27b", "switch"),
        ("gemma4:31b", "switch"),
        ("gemma3:12b", "never"),
        ("granite4.1:8b", "never"),
        ("hf.co/unsloth/DeepSeek-R1-Distill-Llama-8B-GGUF", "always"),
        ("deepseek-v3:671b", "never"),
        ("Phi-4-mini-reasoning", "always"),
        ("ministral-3:14b", "never"),
        ("Ministral-3-14B-Reasoning-2512", "prompt"),
        ("scripted", "unknown"),
    ],
)
def test_a_family_is_known_by_the_name_that_any_server_gives_it(
    model: str, control: str
) -> None:
    assert thinking_of(model).control == control


def test_every_family_with_a_switch_says_which_and_the_others_have_none() -> None:
    for words, family in FAMILIES:
        switched = family.control == "switch"
        assert bool(family.key) == switched or family.control == "levels", words
        assert bool(family.efforts) == (family.control == "levels"), words
        assert not family.silencer or switched, words


def test_of_two_efforts_that_are_as_near_the_greater_counts() -> None:
    known = ("none", "low", "medium", "xhigh")
    asked = ("none", "minimal", "high", "max", "strange")
    assert [nearest(each, known) for each in asked] == [
        *("none", "low", "xhigh", "xhigh", None)
    ]
    assert nearest("high", ()) is None
    assert Thinking().control == "unknown"
