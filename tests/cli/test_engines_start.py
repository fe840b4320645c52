"""``codex-oss engines start``: lines on paper, and a server that is run."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from fake_server import FakeServer
from fake_vllm_program import install
from free_ports import free_port
from running import OURS, TIMEOUT_S, environment, prepared

MODEL = "openai/gpt-oss-20b"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Return an environment with the programs' stand-ins first on ``PATH``."""
    install(tmp_path / "bin")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return environment(tmp_path) | {"PATH": path}


@pytest.fixture
def port() -> str:
    return str(free_port())


def start(
    tmp_path: Path, env: dict[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*OURS, "engines", "start", *words],
        cwd=prepared(tmp_path),
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def serving(tmp_path: Path, env: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*OURS, "engines", "start", *words],
        cwd=prepared(tmp_path),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(child: subprocess.Popen[str], line: str) -> list[str]:
    """Return what is printed up to a line; the test ends if it never comes."""
    assert child.stdout is not None
    watchdog = threading.Timer(TIMEOUT_S, child.kill)
    watchdog.start()
    lines: list[str] = []
    for said in child.stdout:
        lines.append(said.rstrip("\n"))
        if lines[-1] == line:
            break
    watchdog.cancel()
    assert lines[-1:] == [line]
    return lines


def log_of(tmp_path: Path) -> str:
    (log,) = tmp_path.rglob("vllm.log")
    return log.read_text()


def test_the_lines_for_two_machines_are_printed(
    tmp_path: Path, env: dict[str, str]
) -> None:
    told = start(
        tmp_path,
        env,
        *("vllm", "openai/gpt-oss-120b", "--nodes", "10.0.0.1,10.0.0.2"),
        *("--tensor-parallel", "4", "--ray", "--key-env", "CLUSTER_KEY", "--print"),
        *("--", "--max-num-seqs", "32"),
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == (
        "# What the machines say to each other is not encrypted and asks for no key:\n"
        "# use a private network, and the same versions and model path everywhere.\n"
        "\n"
        "# on the head, 10.0.0.1\n"
        "VLLM_HOST_IP=10.0.0.1 ray start --head --node-ip-address=10.0.0.1 "
        "--port=6379\n"
        "\n"
        "# on the worker, 10.0.0.2\n"
        "VLLM_HOST_IP=10.0.0.2 ray start --address=10.0.0.1:6379 "
        "--node-ip-address=10.0.0.2\n"
        "\n"
        "# on the head, 10.0.0.1: go on when it lists 2 nodes\n"
        "ray status\n"
        "\n"
        "# on the head, 10.0.0.1\n"
        'VLLM_HOST_IP=10.0.0.1 VLLM_API_KEY="$CLUSTER_KEY" vllm serve '
        "openai/gpt-oss-120b \\\n"
        "    --host 10.0.0.1 --port 8000 --tensor-parallel-size 4 \\\n"
        "    --pipeline-parallel-size 2 --distributed-executor-backend ray \\\n"
        "    --enable-auto-tool-choice --tool-call-parser openai \\\n"
        "    --reasoning-parser openai_gptoss --max-num-seqs 32\n"
        "\n"
        "# in ~/.codex/config.toml, where codex-oss runs\n"
        "\n"
        'model_provider = "vllm"\n'
        'model = "openai/gpt-oss-120b"\n'
        "\n"
        "[model_providers.vllm]\n"
        'name = "vLLM"\n'
        'base_url = "http://10.0.0.1:8000/v1"\n'
        'env_key = "CLUSTER_KEY"\n'
    )


def test_a_model_of_no_known_family_is_told_of(
    tmp_path: Path, env: dict[str, str]
) -> None:
    told = start(tmp_path, env, "vllm", "me/mine", "--host", "0.0.0.0", "--print")
    assert told.stdout.startswith(
        "# No tool parser is known for me/mine: vLLM will hand its calls on as text. "
        "Name one with --tool-call-parser.\n"
        "# Whoever reaches 0.0.0.0:8000 can use the model: --key-env NAME asks for a "
        "key.\n\n"
        "vllm serve me/mine --host 0.0.0.0 --port 8000\n"
    )


def test_a_server_is_started_waited_for_and_ended_with_us(
    tmp_path: Path, env: dict[str, str], port: str
) -> None:
    env |= {"MY_KEY": "s3cret"}
    words = ("--port", port, "--context-length", "65536", "--key-env", "MY_KEY")
    with serving(tmp_path, env, "vllm", MODEL, *words) as child:
        until(child, 'env_key = "MY_KEY"')
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=TIMEOUT_S)
    assert child.returncode == 0
    ready = f"{MODEL} answers at http://127.0.0.1:{port}/v1 with 65536 tokens"
    assert f"{ready} of context. To use it:" in err
    assert err.endswith("Ending vLLM\n")
    log = log_of(tmp_path)
    assert "VLLM_API_KEY=s3cret" in log
    called = next(line for line in log.splitlines() if line.startswith("called"))
    assert f"vllm serve {MODEL} --host 127.0.0.1 --port {port}" in called
    assert "s3cret" not in called
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_a_server_that_ends_before_it_is_ready_says_why(
    tmp_path: Path, env: dict[str, str], port: str
) -> None:
    told = start(tmp_path, env, "vllm", "broken", "--port", port)
    assert (told.returncode, told.stdout) == (1, "")
    assert "Error: vllm ended with exit code 1 before it was ready:" in told.stderr
    assert "  RuntimeError: Failed to infer device type\n" in told.stderr
    assert "The whole log: " in told.stderr


@pytest.mark.parametrize("there", [True, False])
def test_a_download_to_come_is_said(
    tmp_path: Path,
    env: dict[str, str],
    port: str,
    there: bool,  # noqa: FBT001
) -> None:
    if there:
        (tmp_path / "hf/hub/models--broken").mkdir(parents=True)
    env |= {"HF_HOME": str(tmp_path / "hf")}
    told = start(tmp_path, env, "vllm", "broken", "--port", port)
    said = "vLLM will download broken from Hugging Face first\n" in told.stderr
    assert said is not there


def test_another_server_at_the_port_is_not_taken_for_ours(
    tmp_path: Path, env: dict[str, str]
) -> None:
    with FakeServer(get={"/health": {}}) as other:
        told = start(tmp_path, env, "vllm", MODEL, "--port", str(other.port))
    assert told.returncode == 1
    assert f"Error: a server answers at {other.url} already\n" in told.stderr


def test_rays_part_of_a_worker_runs_until_it_is_ended(
    tmp_path: Path, env: dict[str, str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    env |= {"SAY_RUNNING": str(pipe)}
    words = ("--nodes", "127.0.0.1,127.0.0.2", "--node-rank", "1", "--ray")
    with serving(tmp_path, env, "vllm", MODEL, *words) as child:
        assert pipe.read_text() == "running\n"
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=TIMEOUT_S)
    assert child.returncode == 0
    assert log_of(tmp_path).splitlines() == [
        "VLLM_HOST_IP=127.0.0.2",
        (
            "called: ray start --address=127.0.0.1:6379 "
            "--node-ip-address=127.0.0.2 --block"
        ),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("vllm", MODEL), "Error: vllm is not installed here\n"),
        (
            ("vllm", MODEL, "--nodes", "a,b", "--node-rank", "2"),
            "Error: --node-rank 2 is none of the 2 --nodes\n",
        ),
        (("vllm", MODEL, "--nodes", "a,a"), "Error: --nodes a,a names a machine twice"),
        (("sglang", MODEL, "--ray"), "Error: SGLang's machines find each other"),
        (("ollama", MODEL), "Error: argument vllm|sglang: invalid choice"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    env = environment(tmp_path) | {"PATH": "/nonexistent"}
    told = start(tmp_path, env, *words)
    assert told.returncode in (1, 2)
    assert told.stderr.startswith(said)
