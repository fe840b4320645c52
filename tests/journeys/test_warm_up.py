"""`exec` before its first token: the model warmed, waited for in words, and let go."""

import signal
import subprocess
from pathlib import Path

from at_terminal import AtTerminal
from fake_ollama import FakeOllama, OllamaModel, Say
from fake_server import LLAMACPP, FakeServer, Gate, Reply, chat_text, chat_turn, sse
from running import OURS, TIMEOUT_S, environment, prepared, provider, run_exec

MODEL = "gpt-oss:20b"
READ = {"total": 8000, "cache": 0, "processed": 4200}
READING = sse([{"choices": [], "prompt_progress": READ}])
ANSWER = sse(chat_turn(chat_text("hello")))


def started(
    folder: Path, server: FakeServer, *arguments: str, stdin: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*OURS, "exec", *provider(server.url, "ollama"), *arguments],
        cwd=prepared(folder),
        env=environment(folder),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_model_is_warm_before_the_prompt_is_written(tmp_path: Path) -> None:
    gate = Gate()
    answers = [Say("The", gate=gate), Say("ok")]
    server = FakeOllama(OllamaModel(MODEL), answers=answers)
    with server, started(tmp_path, server, "fix what fails") as popen:
        gate.wait_reached()
        assert server.loads == [(MODEL, 32768)]
        gate.open()
        out, err = popen.communicate("2 tests failed\n", timeout=TIMEOUT_S)
        assert (popen.returncode, out) == (0, "ok\n"), err
        warmed, asked = server.chats
        assert warmed["options"]["num_predict"] == 1
        begins = warmed["messages"][:-1]
        assert asked["messages"][: len(begins)] == begins
        assert "2 tests failed" in asked["messages"][-1]["content"]
        assert asked["tools"] == warmed["tools"]
        assert server.loads == [(MODEL, 32768)]  # once, and nothing was loaded anew
        assert server.loaded == {}
        assert "model.asked" not in out


def test_the_model_is_warm_before_a_prompt_of_line_mode_is_typed(
    tmp_path: Path,
) -> None:
    gate = Gate()
    answers = [Say("first"), Say("The", gate=gate), Say("second")]
    server = FakeOllama(OllamaModel(MODEL), answers=answers)
    with server:
        chosen = provider(server.url, "ollama")
        run_exec(tmp_path, [*chosen, "mend the parser"])
        with AtTerminal(
            [*OURS, "resume", "--last", "--include-non-interactive", *chosen],
            cwd=prepared(tmp_path),
            env=environment(tmp_path) | {"TERM": "xterm"},
            streams=True,
        ) as person:
            gate.wait_reached()
            person.sees("\r> ")
            person.press("and the docs\r")
            person.sees("second")
            gate.open()
            person.sees("\r> ")
            person.press("\x04")
            assert person.end()[0] == 0
        _, warmed, asked = server.chats
    assert warmed["options"]["num_predict"] == 1
    begins = warmed["messages"][:-1]
    assert asked["messages"][: len(begins)] == begins
    assert "and the docs" in asked["messages"][-1]["content"]


def test_nothing_is_warmed_for_a_prompt_that_is_there(tmp_path: Path) -> None:
    with FakeOllama(OllamaModel(MODEL), answers=[Say("ok")]) as server:
        run_exec(tmp_path, [*provider(server.url, "ollama"), "hello"])
        assert len(server.chats) == 1


def test_ctrl_c_before_the_prompt_leaves_no_model_behind(tmp_path: Path) -> None:
    gate = Gate()
    server = FakeOllama(OllamaModel(MODEL), answers=[Say("The", gate=gate)])
    with server, started(tmp_path, server, "-") as popen:
        gate.wait_reached()
        gate.open()
        popen.send_signal(signal.SIGINT)
        assert popen.wait(TIMEOUT_S) == 1  # nobody has written the prompt yet
        _, err = popen.communicate(timeout=TIMEOUT_S)
        assert "interrupted" in err
        assert server.loaded == {}


def test_ctrl_c_in_an_answer_leaves_no_model_behind(tmp_path: Path) -> None:
    gate = Gate()
    server = FakeOllama(OllamaModel(MODEL), answers=[Say("late", gate=gate)])
    nothing = subprocess.DEVNULL
    with server, started(tmp_path, server, "hello", stdin=nothing) as popen:
        gate.wait_reached()
        popen.send_signal(signal.SIGINT)
        popen.wait(TIMEOUT_S)
        gate.open()
        assert server.loaded == {}


def test_a_killed_exec_leaves_the_model_to_the_server_s_timer(tmp_path: Path) -> None:
    gate = Gate()
    server = FakeOllama(OllamaModel(MODEL), answers=[Say("late", gate=gate)])
    nothing = subprocess.DEVNULL
    with server, started(tmp_path, server, "hello", stdin=nothing) as popen:
        gate.wait_reached()
        popen.kill()
        popen.wait(TIMEOUT_S)
        gate.open()
        assert server.kept == {MODEL: 1800.0}


def test_a_terminal_shows_how_far_the_prompt_is_read(tmp_path: Path) -> None:
    gate = Gate()
    script = [Reply(chunks=[READING, gate, ANSWER])]
    with FakeServer(script, get=LLAMACPP) as server:
        argv = [*OURS, "exec", *provider(server.url, "chat"), "hello"]
        with AtTerminal(
            argv, cwd=prepared(tmp_path), env=environment(tmp_path), streams=True
        ) as terminal:
            terminal.sees("reading the prompt: 4,200 of 8,000 tokens")
            gate.open()
            terminal.sees("hello")
            assert terminal.popen.wait(TIMEOUT_S) == 0


def test_a_pipe_gets_no_line_that_changes(tmp_path: Path) -> None:
    script = [Reply(chunks=[READING, ANSWER])]
    with FakeServer(script, get=LLAMACPP) as server:
        done = subprocess.run(
            [*OURS, "exec", *provider(server.url, "chat"), "hello"],
            cwd=prepared(tmp_path),
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )
    assert "reading the prompt" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
