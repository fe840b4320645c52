"""Conversations over several processes: gone on with, copied, killed, fought over."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from at_terminal import AtTerminal
from fake_server import FakeServer, call, message, turn
from running import OURS, environment, prepared, provider, run_exec, run_other

LIMIT_S = 180
SLOW = "sleep 300"


def started(stdout: str) -> str:
    """Return the id that `--json` told first."""
    return json.loads(stdout.splitlines()[0])["thread_id"]


def asked(server: FakeServer) -> list[str]:
    """Return what the last request's messages say, each with its role."""
    items: list[Any] = server.posts[-1].json["input"]
    return [
        f"{item['role']}: {item['content'][0]['text']}"
        for item in items
        if item["type"] == "message" and "<environment" not in str(item["content"])
    ]


def files(folder: Path) -> list[Path]:
    return sorted((folder / "home/sessions").rglob("*.jsonl"))


def test_a_conversation_goes_on_by_id_by_name_and_as_the_last(tmp_path: Path) -> None:
    with FakeServer([turn(message(f"answer {n}")) for n in range(4)]) as server:
        chosen = provider(server.url)
        first = run_exec(tmp_path, ["--json", *chosen, "one"])
        thread_id = started(first.stdout)
        resume = ["resume", *chosen, "--json"]
        again = run_exec(tmp_path, [*resume, thread_id, "two"])
        assert run_other(tmp_path, "rename", thread_id, "mine").returncode == 0
        named = run_exec(tmp_path, [*resume, "mine", "three"])
        last = run_exec(tmp_path, [*resume, "--last", "four"])
        said = asked(server)
    assert {started(run.stdout) for run in (again, named, last)} == {thread_id}
    assert len(files(tmp_path)) == 1
    assert said == [
        "user: one",
        "assistant: answer 0",
        "user: two",
        "assistant: answer 1",
        "user: three",
        "assistant: answer 2",
        "user: four",
    ]
    counted = [
        json.loads(run.stdout.splitlines()[-1])["usage"]["input_tokens"]
        for run in (first, again)
    ]
    assert counted[1] == 2 * counted[0] > 0


def test_the_prefix_of_a_request_is_the_same_after_a_new_start(tmp_path: Path) -> None:
    with FakeServer([turn(message("yes")) for _ in range(2)]) as server:
        run_exec(tmp_path, [*provider(server.url), "one"])
        run_exec(tmp_path, ["resume", *provider(server.url), "--last", "two"])
        first, second = (post.json for post in server.posts)
    sent = len(first["input"])
    assert second["input"][:sent] == first["input"]
    for key in ("instructions", "tools", "prompt_cache_key"):
        assert second[key] == first[key]


def test_the_model_and_the_folder_are_the_conversations_own(tmp_path: Path) -> None:
    with FakeServer([turn(message("yes")) for _ in range(3)]) as server:
        run_exec(tmp_path, [*provider(server.url), "-m", "other", "one"])
        begun = provider(server.url)[:-2]
        (prepared(tmp_path) / "sub").mkdir()
        elsewhere = ["--all", "-C", str(tmp_path), "--skip-git-repo-check"]
        run_exec(tmp_path, ["resume", *begun, "--last", "two"])
        run_exec(tmp_path, ["resume", *begun, *elsewhere, "--last", "three"])
        models = [post.json["model"] for post in server.posts]
        placed = [str(post.json["input"]).count("<cwd>") for post in server.posts]
    assert models == ["other", "other", "other"]
    assert placed == [1, 1, 2]  # the new folder is told, the old one stays


def test_what_is_in_force_is_told_when_it_has_changed(tmp_path: Path) -> None:
    modes = ("read-only", "workspace-write", "read-only", "read-only")
    with FakeServer([turn(message("yes")) for _ in modes]) as server:
        for number, mode in enumerate(modes):
            resume = ["resume", "--last"] if number else []
            run_exec(tmp_path, [*resume, *provider(server.url), "-s", mode, "go"])
        items: list[Any] = server.posts[-1].json["input"]
    told = [item["content"][0]["text"] for item in items]
    places = [text.partition("<sandbox>")[2][:9] for text in told if "<cwd>" in text]
    assert places == ["read-only", "only thes", "read-only"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody", "hi"], "there is no session with this id or name: nobody"),
        (["--last", "hi"], "to go on with"),
        (["01a1fd2c-0814-7470-9c7b-ff42fd8041ba", "hi"], "there is no session"),
        ([], "which session?"),
    ],
)
def test_nothing_is_begun_where_there_is_nothing_to_go_on_with(
    tmp_path: Path, arguments: Sequence[str], told: str
) -> None:
    with FakeServer([]) as server:
        run = run_exec(tmp_path, ["resume", *provider(server.url), *arguments])
        assert server.posts == []
    assert run.returncode in (1, 2)
    assert told in run.stderr
    assert files(tmp_path) == []


def test_a_copy_goes_its_own_way(tmp_path: Path) -> None:
    with FakeServer([turn(message(f"answer {n}")) for n in range(3)]) as server:
        chosen = provider(server.url)
        thread_id = started(run_exec(tmp_path, ["--json", *chosen, "one"]).stdout)
        before = files(tmp_path)[0].read_bytes()
        fork = run_exec(tmp_path, ["fork", *chosen, "--json", thread_id, "two"])
        assert asked(server) == ["user: one", "assistant: answer 0", "user: two"]
        copy = started(fork.stdout)
        run_exec(tmp_path, ["resume", *chosen, copy, "three"])
    assert copy != thread_id
    assert len(files(tmp_path)) == 2
    assert files(tmp_path)[0].read_bytes() == before


def test_nothing_is_written_where_that_is_not_wanted(tmp_path: Path) -> None:
    with FakeServer([turn(message(f"answer {n}")) for n in range(3)]) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, ["--ephemeral", *chosen, "zero"])
        assert list((tmp_path / "home").iterdir()) == []
        thread_id = started(run_exec(tmp_path, ["--json", *chosen, "one"]).stdout)
        before = files(tmp_path)[0].read_bytes()
        run_exec(tmp_path, ["resume", *chosen, "--ephemeral", thread_id, "two"])
        assert asked(server) == ["user: one", "assistant: answer 1", "user: two"]
    assert files(tmp_path)[0].read_bytes() == before


def test_a_conversation_that_was_killed_in_its_turn_goes_on(tmp_path: Path) -> None:
    running = call("exec_command", {"cmd": SLOW})
    script = [turn(message("answer 0")), turn(running), turn(message("answer 2"))]
    with FakeServer(script) as server:
        chosen = provider(server.url)
        thread_id = started(run_exec(tmp_path, ["--json", *chosen, "one"]).stdout)
        with subprocess.Popen(
            [*OURS, "exec", "resume", "--json", *chosen, thread_id, "two"],
            cwd=prepared(tmp_path),
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            while "item.started" not in process.stdout.readline():
                pass
            fought = run_exec(tmp_path, ["resume", *chosen, thread_id, "me too"])
            assert fought.returncode == 1
            assert f"is open in process {process.pid}" in fought.stderr
            assert f"codex-oss exec fork {thread_id}" in fought.stderr
            process.send_signal(signal.SIGKILL)
            process.wait(LIMIT_S)
        with files(tmp_path)[0].open("ab") as file:
            file.write(b'{"timestamp":"2026-01-31T08:00:00.000Z","ordi')
        again = run_exec(tmp_path, ["resume", *chosen, thread_id, "three"])
        assert again.stdout == "answer 2\n"
        items = server.posts[-1].json["input"]
    assert [item["type"] for item in items] == [
        *["message"] * 4,
        "function_call",
        "function_call_output",
        "message",
    ]
    assert items[5]["output"] == "aborted by user"
    for line in files(tmp_path)[0].read_bytes().splitlines():
        json.loads(line)


def test_a_damaged_line_costs_no_conversation(tmp_path: Path) -> None:
    with FakeServer([turn(message(f"answer {n}")) for n in range(3)]) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, [*chosen, "one"])
        run_exec(tmp_path, ["resume", *chosen, "--last", "two"])
        path = files(tmp_path)[0]
        lines = path.read_bytes().splitlines(keepends=True)
        bad = next(n for n, line in enumerate(lines) if b"answer 0" in line)
        lines[bad] = lines[bad][:50] + b"\n"
        path.write_bytes(b"".join(lines))
        run = run_exec(tmp_path, ["resume", *chosen, "--last", "three"])
        assert asked(server)[-3:] == ["user: two", "assistant: answer 1", "user: three"]
    assert run.returncode == 0
    assert f"line {bad + 1} of the session" in run.stderr


def test_conversations_are_listed_searched_put_away_and_deleted(tmp_path: Path) -> None:
    with FakeServer([turn(message(f"answer {n}")) for n in range(2)]) as server:
        one, two = (
            started(run_exec(tmp_path, ["--json", *provider(server.url), word]).stdout)
            for word in ("mend the parser", "write the docs")
        )

    def listed(*more: str) -> list[tuple[str, str, int]]:
        rows = json.loads(run_other(tmp_path, "sessions", "--json", *more).stdout)
        return [(row["id"], row["first_prompt"], row["turns"]) for row in rows]

    assert listed() == [(two, "write the docs", 1), (one, "mend the parser", 1)]
    assert listed("--search", "ANSWER 0") == [(one, "mend the parser", 1)]
    assert listed("-n", "1") == [(two, "write the docs", 1)]
    assert run_other(tmp_path, "archive", one).returncode == 0
    assert listed() == [(two, "write the docs", 1)]
    assert listed("--archived") == [(one, "mend the parser", 1)]
    assert run_other(tmp_path, "unarchive", one).returncode == 0
    unsure = run_other(tmp_path, "delete", two)
    assert (unsure.returncode, "nobody can be asked" in unsure.stderr) == (1, True)
    assert run_other(tmp_path, "delete", "--force", two).returncode == 0
    assert listed() == [(one, "mend the parser", 1)]
    shown = run_other(tmp_path, "sessions").stdout
    assert one in shown
    assert "mend the parser" in shown


def test_signals_between_two_prompts_do_not_end_line_mode(tmp_path: Path) -> None:
    with FakeServer([turn(message("Done."))]) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, [*chosen, "docs"])
        with AtTerminal(
            [*OURS, "resume", "--last", "--include-non-interactive", *chosen],
            cwd=prepared(tmp_path),
            env=environment(tmp_path) | {"TERM": "xterm"},
            streams=True,
        ) as person:
            person.sees("\r> ")
            person.popen.send_signal(signal.SIGCONT)  # as after Ctrl-Z and `fg`
            person.sees("\r> ")
            # A Ctrl-C that comes when no turn runs any more.
            person.popen.send_signal(signal.SIGINT)
            person.press("/nonsense\r")
            person.sees("There is no command /nonsense")
            person.sees("\r> ")
            person.press("\x04")
            assert person.end()[0] == 0


def test_a_person_chooses_talks_and_leaves(tmp_path: Path) -> None:
    with FakeServer([turn(message("Done.")) for _ in range(9)]) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, [*chosen, "mend the parser"])
        thread_id = started(run_exec(tmp_path, ["--json", *chosen, "docs"]).stdout)
        with AtTerminal(
            [*OURS, "resume", *chosen],
            cwd=prepared(tmp_path),
            env=environment(tmp_path) | {"TERM": "xterm"},
            streams=True,
        ) as person:
            person.sees("(2 of 2)")
            person.press("docs")
            person.sees("(1 of 2)")
            person.press("\r")
            person.sees("• Done.")
            person.sees("\r> ")
            person.press("one\\\rtwo\r")
            person.sees("Done.")
            person.sees("\r> ")
            person.press("/rename the docs\r")
            person.sees("is called 'the docs' now")
            person.sees("\r> ")
            person.press("not sent\x03\x04")
            person.sees(f"To go on: codex-oss resume {thread_id}")
            assert person.end()[0] == 0
        again = run_exec(tmp_path, ["resume", *chosen, "the docs", "three"])
        assert again.stdout == "Done.\n"
        assert asked(server)[-3:] == [
            "user: one\ntwo",
            "assistant: Done.",
            "user: three",
        ]
    (kept,) = (tmp_path / "home/history.jsonl").read_text().splitlines()
    assert json.loads(kept)["text"] == "one\ntwo"


def test_ctrl_c_ends_the_turn_and_not_the_conversation(tmp_path: Path) -> None:
    script = [
        turn(message("answer 0")),
        turn(call("exec_command", {"cmd": SLOW})),
        turn(message("answer 2")),
    ]
    with FakeServer(script) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, [*chosen, "one"])
        with AtTerminal(
            [*OURS, "resume", "--last", *chosen, "two"],
            cwd=prepared(tmp_path),
            env=environment(tmp_path) | {"TERM": "xterm"},
            streams=True,
        ) as person:
            person.sees(SLOW)
            os.killpg(person.popen.pid, signal.SIGINT)
            person.sees("turn interrupted")
            person.sees("\r> ")
            person.press("three\r")
            person.sees("answer 2")
            person.sees("\r> ")
            person.press("/quit\r")
            person.sees("To go on")
            assert person.end()[0] == 0


def test_questions_are_asked_and_what_was_done_is_taken_back(tmp_path: Path) -> None:
    wish = {
        "cmd": "echo hi > made",
        "sandbox_permissions": "require_escalated",
        "justification": "May I?",
    }
    script = [
        turn(message("answer 0")),
        turn(call("exec_command", wish)),
        turn(message("answer 2")),
    ]
    with FakeServer(script) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, [*chosen, "one"])
        made = tmp_path / "repo/made"
        with AtTerminal(
            [*OURS, "resume", "--last", *chosen, "two"],
            cwd=prepared(tmp_path),
            env=environment(tmp_path) | {"TERM": "xterm"},
            streams=True,
        ) as person:
            person.sees("May I?")
            person.press("y")
            person.sees("answer 2")
            person.sees("\r> ")
            assert made.exists()
            person.press("/undo\r")
            person.sees("made")
            person.sees("\r> ")
            person.press("/status\r")
            person.sees("tokens:")
            assert not made.exists()
            person.sees("\r> ")
            person.press("/fork\r")
            person.sees("• answer 2")
            person.sees("\r> ")
            person.popen.terminate()
            assert person.end()[0] == 1
    assert len(files(tmp_path)) == 2
    assert list((tmp_path / "home/thread-writer-locks").glob("*-*.lock")) == []


def test_deleting_is_asked_about(tmp_path: Path) -> None:
    with FakeServer([turn(message("yes"))]) as server:
        told = run_exec(tmp_path, ["--json", *provider(server.url), "one"]).stdout
    for answer, left in (("n", 1), ("y", 0)):
        with AtTerminal(
            [*OURS, "delete", started(told)[:13]],
            cwd=prepared(tmp_path),
            env=environment(tmp_path),
            streams=True,
        ) as person:
            person.sees("(one) for good? [y/N]")
            person.press(f"{answer}\r")
            assert person.end()[0] == left
        assert len(files(tmp_path)) == left


def test_line_mode_wants_a_terminal(tmp_path: Path) -> None:
    with FakeServer([turn(message("yes"))]) as server:
        chosen = provider(server.url)
        thread_id = started(run_exec(tmp_path, ["--json", *chosen, "one"]).stdout)
    run = run_other(tmp_path, "resume", thread_id)
    assert run.returncode == 1
    assert f"codex-oss exec resume {thread_id} PROMPT" in run.stderr
