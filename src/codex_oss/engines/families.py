"""Which parsers a family of models needs at vLLM and SGLang, as data.

A server that is started without the right parser hands a model's calls on as text, and
its thoughts as part of the answer. Sources, November 2026: the tables of parsers in
vLLM 0.33 (``vllm/tool_parsers``, ``vllm/reasoning``) and SGLang 0.5.23
(``function_call_parser``, ``reasoning_parser``), and the models' own pages.
"""

import msgspec


class Parsers(msgspec.Struct, frozen=True):
    """Names of a server's parsers; empty: none is needed, or none is known."""

    tools: str = ""
    reasoning: str = ""


class Family(msgspec.Struct, frozen=True):
    """Models whose names hold all of some words."""

    words: str
    vllm: Parsers
    sglang: Parsers


AUTO = Parsers("auto", "auto")
"""SGLang can look into the chat template itself; it is not always right."""

_HERMES = Parsers("hermes")

FAMILIES: tuple[Family, ...] = (
    Family(
        "gpt-oss", Parsers("openai", "openai_gptoss"), Parsers("gpt-oss", "gpt-oss")
    ),
    Family("qwen3-coder", Parsers("qwen3_coder"), Parsers("qwen3_coder")),
    Family("qwen3.", Parsers("qwen3_coder", "qwen3"), Parsers("qwen3_coder", "qwen3")),
    # Qwen's later models without thoughts say so in their names.
    Family("qwen3 instruct", _HERMES, Parsers("qwen")),
    Family("qwen3", Parsers("hermes", "qwen3"), Parsers("qwen", "qwen3")),
    Family("qwq", Parsers("hermes", "deepseek_r1"), Parsers("qwen", "deepseek-r1")),
    Family("qwen2", _HERMES, Parsers("qwen")),
    Family("glm-4.5", Parsers("glm45", "glm45"), Parsers("glm45", "glm45")),
    Family("glm-4.6", Parsers("glm45", "glm45"), Parsers("glm45", "glm45")),
    Family("glm-", Parsers("glm47", "glm47"), Parsers("glm47", "glm45")),
    Family("gemma-4", Parsers("gemma4", "gemma4"), Parsers("gemma4", "gemma4")),
    Family("magistral", Parsers("mistral", "mistral"), Parsers("mistral", "mistral")),
    Family("devstral", Parsers("mistral"), Parsers("mistral")),
    Family("ministral", Parsers("mistral"), Parsers("mistral")),
    Family("mistral", Parsers("mistral"), Parsers("mistral")),
    Family("granite-4", Parsers("granite4"), AUTO),
    Family(
        "deepseek-v4",
        Parsers("deepseek_v4", "deepseek_v4"),
        Parsers("deepseekv4", "deepseek-v4"),
    ),
    Family(
        "deepseek-v3.2",
        Parsers("deepseek_v32", "deepseek_v3"),
        Parsers("deepseekv32", "deepseek-v3"),
    ),
    Family(
        "deepseek-v3.1",
        Parsers("deepseek_v31", "deepseek_v3"),
        Parsers("deepseekv31", "deepseek-v3"),
    ),
    Family(
        "deepseek-r1",
        Parsers("deepseek_v3", "deepseek_r1"),
        Parsers("deepseekv3", "deepseek-r1"),
    ),
    Family("deepseek-v3", Parsers("deepseek_v3"), Parsers("deepseekv3")),
    Family("kimi-k3", Parsers("kimi_k3", "kimi_k3"), Parsers("kimi_k3", "kimi_k3")),
    Family("kimi-k2", Parsers("kimi_k2", "kimi_k2"), Parsers("kimi_k2", "kimi_k2")),
    Family(
        "minimax-m3",
        Parsers("minimax_m3", "minimax_m3"),
        Parsers("minimax-m3", "minimax-m3"),
    ),
    Family(
        "minimax-m2",
        Parsers("minimax_m2", "minimax_m2"),
        Parsers("minimax-m2", "minimax"),
    ),
    Family("seed-oss", Parsers("seed_oss", "seed_oss"), AUTO),
    Family("olmo-3", Parsers("olmo3", "olmo3"), AUTO),
    Family(
        "nemotron-3",
        Parsers("qwen3_coder", "nemotron_v3"),
        Parsers("qwen3_coder", "nemotron_3"),
    ),
    Family(
        "laguna",
        Parsers("poolside_v1", "poolside_v1"),
        Parsers("poolside_v1", "poolside_v1"),
    ),
    Family("llama-3", Parsers("llama3_json"), Parsers("llama3")),
    Family("hermes", _HERMES, Parsers("hermes")),
)
"""The first that fits counts, so the narrower stands first."""


def family_of(model: str) -> Family | None:
    """Return a model's family by its name, such as ``openai/gpt-oss-20b``."""
    name = model.lower().replace("_", "-")
    for family in FAMILIES:
        if all(word in name for word in family.words.split()):
            return family
    return None
