"""The lines that start vLLM and SGLang."""

import shlex

import pytest

from codex_oss.engines import sglang, vllm
from codex_oss.engines.families import AUTO, FAMILIES, Parsers
from codex_oss.engines.launch import Launch, Line, config, filled, parsers_of, shown
from codex_oss.errors import EngineError

CODER = "Qwen/Qwen3-Coder-30B-A3B-Instruct"
TWO = ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("model", "at_vllm", "at_sglang"),
    [
        (
            "openai/gpt-oss-20b",
            Parsers("openai", "openai_gptoss"),
            Parsers("gpt-oss", "gpt-oss"),
        ),
        (CODER, Parsers("qwen3_coder"), Parsers("qwen3_coder")),
        (
            "Qwen/Qwen3.6-27B",
            Parsers("qwen3_coder", "qwen3"),
            Parsers("qwen3_coder", "qwen3"),
        ),
        ("Qwen/Qwen3-4B-Instruct-2507", Parsers("hermes"), Parsers("qwen")),
        ("Qwen/Qwen3-8B", Parsers("hermes", "qwen3"), Parsers("qwen", "qwen3")),
        ("zai-org/GLM-4.7-Flash", Parsers("glm47", "glm47"), Parsers("glm47", "glm45")),
        ("mistralai/Devstral-Small-2507", Parsers("mistral"), Parsers("mistral")),
        ("/models/GPT_OSS-120b", *[None] * 2),
        ("someone/Something-7B", Parsers(), AUTO),
    ],
)
def test_the_parsers_are_chosen_by_the_models_name(
    model: str, at_vllm: Parsers | None, at_sglang: Parsers | None
) -> None:
    if at_vllm is None or at_sglang is None:
        at_vllm, at_sglang = FAMILIES[0].vllm, FAMILIES[0].sglang
    assert parsers_of("vllm", model) == at_vllm
    assert parsers_of("sglang", model) == at_sglang


def test_no_family_is_hidden_by_one_that_stands_before_it() -> None:
    for number, family in enumerate(FAMILIES):
        for earlier in FAMILIES[:number]:
            hides = all(word in family.words for word in earlier.words.split())
            assert not hides, f"{earlier.words} hides {family.words}"


def launch(**changes: object) -> Launch:
    usual: dict[str, object] = {
        "server": "vllm",
        "model": CODER,
        "port": 8000,
        "parsers": Parsers("qwen3_coder"),
    }
    return Launch(**(usual | changes))  # pyright: ignore[reportArgumentType]  by name


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def test_one_machine_needs_one_line() -> None:
    asked = launch(tensor=2, context=65536, served="coder", more=("--seed", "1"))
    assert vllm.lines(asked) == [
        Line(
            argv=words(
                f"vllm serve {CODER} --host 127.0.0.1 --port 8000 "
                "--served-model-name coder --tensor-parallel-size 2 "
                "--max-model-len 65536 --enable-auto-tool-choice "
                "--tool-call-parser qwen3_coder --seed 1"
            )
        )
    ]


def test_ray_joins_the_machines_before_the_head_serves() -> None:
    asked = launch(nodes=TWO, host=TWO[0], tensor=8, pipeline=2, ray=True)
    assert vllm.lines(asked) == [
        Line(
            env=(("VLLM_HOST_IP", "10.0.0.1"),),
            argv=words("ray start --head --node-ip-address=10.0.0.1 --port=6379"),
            kind="cluster",
        ),
        Line(
            node=1,
            env=(("VLLM_HOST_IP", "10.0.0.2"),),
            argv=words("ray start --address=10.0.0.1:6379 --node-ip-address=10.0.0.2"),
            kind="cluster",
        ),
        Line(argv=("ray", "status"), kind="look", note="go on when it lists 2 nodes"),
        Line(
            env=(("VLLM_HOST_IP", "10.0.0.1"),),
            argv=words(
                f"vllm serve {CODER} --host 10.0.0.1 --port 8000 "
                "--tensor-parallel-size 8 --pipeline-parallel-size 2 "
                "--distributed-executor-backend ray --enable-auto-tool-choice "
                "--tool-call-parser qwen3_coder"
            ),
        ),
    ]


def test_without_ray_each_machine_has_its_rank_and_only_the_head_listens() -> None:
    asked = launch(nodes=TWO, host=TWO[0], pipeline=2)
    head, worker = vllm.lines(asked)
    assert (head.node, worker.node) == (0, 1)
    assert head.argv[-6:] == words("--nnodes 2 --node-rank 0 --master-addr 10.0.0.1")
    assert worker.argv[-5:] == words("--node-rank 1 --master-addr 10.0.0.1 --headless")
    assert worker.env == (("VLLM_HOST_IP", "10.0.0.2"),)


def test_sglangs_machines_differ_by_their_rank_only() -> None:
    asked = launch(
        server="sglang",
        port=30000,
        nodes=TWO,
        host=TWO[0],
        tensor=16,
        parsers=AUTO,
        key_env="KEY",
    )
    first, second = sglang.lines(asked)
    assert first.argv == words(
        f"python3 -m sglang.launch_server --model-path {CODER} --host 10.0.0.1 "
        "--port 30000 --tensor-parallel-size 16 --tool-call-parser auto "
        "--reasoning-parser auto --api-key $KEY --nnodes 2 --node-rank 0 "
        "--dist-init-addr 10.0.0.1:20000"
    )
    differing = [(a, b) for a, b in zip(first.argv, second.argv, strict=True) if a != b]
    assert differing == [("0", "1")]


def test_sglang_does_without_ray() -> None:
    with pytest.raises(EngineError, match="without Ray"):
        sglang.lines(launch(server="sglang", ray=True))


def test_gpus_that_cannot_be_spread_evenly_are_refused() -> None:
    with pytest.raises(EngineError, match=r"3 GPUs .* over 2 machines"):
        vllm.lines(launch(nodes=TWO, tensor=3))


def test_a_key_is_never_written_out() -> None:
    (line,) = vllm.lines(launch(key_env="MY_KEY", parsers=Parsers()))
    assert line.env == (("VLLM_API_KEY", "$MY_KEY"),)
    assert shown(line).startswith('VLLM_API_KEY="$MY_KEY" vllm serve ')
    assert filled("$MY_KEY", {"MY_KEY": "s3cret"}) == "s3cret"
    with pytest.raises(EngineError, match="MY_KEY is not set"):
        filled("$MY_KEY", {})


def test_vllms_own_variable_is_there_already() -> None:
    (line,) = vllm.lines(launch(key_env="VLLM_API_KEY"))
    assert line.env == ()


def test_a_shell_takes_a_long_line_as_it_is_shown() -> None:

    (line,) = vllm.lines(launch(model="/models/my coder", tensor=4, context=131072))
    text = shown(line)
    assert max(map(len, text.splitlines())) <= 88
    assert tuple(shlex.split(text.replace("\\\n", ""))) == line.argv


def test_the_configuration_names_the_model_as_clients_do() -> None:
    asked = launch(host="0.0.0.0", served="coder", key_env="KEY")
    assert config(asked) == (
        'model_provider = "vllm"\n'
        'model = "coder"\n\n'
        "[model_providers.vllm]\n"
        'name = "vLLM"\n'
        'base_url = "http://127.0.0.1:8000/v1"\n'
        'env_key = "KEY"\n'
    )
