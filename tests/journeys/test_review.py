"""``codex-oss review``: the parts of a change in, what is wrong with it out."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codex_cli import CODEX, NO_CODEX
from codex_oss.wiring.changes import MAX_UNTRACKED
from fake_events import call, chat_text, chat_turn, message, turn
from fake_server import FakeServer, Reply
from running import OURS, prepared, provider, run_exec

NAMES = ("user.name=n", "user.email=n@x")
NEEDS_CODEX = pytest.mark.skipif(not CODEX, reason=NO_CODEX)
PROGRAMS = [
    pytest.param(OURS, id="ours"),
    pytest.param((CODEX,), id="codex", marks=NEEDS_CODEX),
]


def git(repo: Path, *words: str) -> None:
    named = [word for name in NAMES for word in ("-c", name)]
    subprocess.run(["git", *named, *words], cwd=repo, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository: `one` committed, `two` on a branch, `three` not committed."""
    repo = prepared(tmp_path)
    git(repo, "checkout", "-q", "-b", "main")
    for number, text in enumerate(("one\n", "one\ntwo\n")):
        (repo / "f.py").write_text(text)
        git(repo, "add", ".")
        git(repo, "commit", "-q", "-m", text)
        if not number:
            git(repo, "checkout", "-q", "-b", "work")
    (repo / "f.py").write_text("one\ntwo\nthree\n")
    (repo / "new.py").write_text("new\n")
    return repo


def finding(path: object, title: str = "[P1] Bad") -> dict[str, Any]:
    place = {
        "absolute_file_path": str(path),
        "line_range": {"start": 3, "end": 3},
    }
    said = {"title": title, "body": "Because\nof that.", "confidence_score": 0.9}
    return {**said, "priority": 1, "code_location": place}


def answer(*found: dict[str, Any], words: str = "It breaks.") -> str:
    told = {"findings": found, "overall_correctness": "patch is incorrect"}
    rest = {"overall_explanation": words, "overall_confidence_score": 0.8}
    return json.dumps({**told, **rest})


def review(
    folder: Path,
    script: Sequence[Reply],
    *arguments: str,
    program: Sequence[str] = OURS,
    wire: str = "responses",
    more: str = "",
) -> tuple[subprocess.CompletedProcess[str], list[Any]]:
    """Run a review; return how it went, and what the model's server was asked."""
    with FakeServer(script=script) as server:
        words = ["review", *provider(server.url, wire, more), *arguments]
        ran = run_exec(folder, words, program=program)
    return ran, [seen.json for seen in server.posts]


def asked(request: Any) -> str:
    last = request["input"][-1]
    return str(last["content"][0]["text"])


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_findings_are_written_as_codex_writes_them(
    tmp_path: Path, repo: Path, number: int, program: Sequence[str]
) -> None:
    found = [finding(repo / "f.py"), finding(repo / "g.py", "[P2] Odd")][:number]
    script = [Reply(events=turn(message(answer(*found))))]
    ran, _ = review(tmp_path, script, "--uncommitted", program=program)
    heading = ["", "\n\nReview comment:", "\n\nFull review comments:"][number]
    lines = [
        f"\n\n- [P1] Bad — {repo}/f.py:3-3\n  Because\n  of that.",
        f"\n\n- [P2] Odd — {repo}/g.py:3-3\n  Because\n  of that.",
    ]
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"It breaks.{heading}{''.join(lines[:number])}\n"


@NEEDS_CODEX
def test_the_events_are_those_of_codex_but_for_tokens_and_order_of_warnings(
    tmp_path: Path, repo: Path
) -> None:
    script = [
        Reply(
            events=turn(
                message("Let me look."), call("exec_command", {"cmd": "echo hi"})
            )
        ),
        Reply(events=turn(message(answer(finding(repo / "f.py"))))),
    ]
    (tmp_path / "home" / "config.toml").write_text('prompt_profile = "full"\n')
    told: list[list[Any]] = []
    for program in (OURS, (CODEX,)):
        words = (
            "--uncommitted",
            "--json",
            "--dangerously-bypass-approvals-and-sandbox",
        )
        ran, _ = review(tmp_path, script, *words, program=program)
        assert ran.returncode == 0, ran.stderr
        told.append([json.loads(line) for line in ran.stdout.splitlines()])
    ours, theirs = (seen(events) for events in told)
    assert ours == theirs


def seen(told: list[Any]) -> list[Any]:
    """Return events without ids, warnings and tokens."""
    kept: list[Any] = []
    for event in told:
        item = event.get("item", {})
        if item.get("type") == "error":
            continue
        item.pop("id", None)
        event.pop("usage", None)
        event.pop("thread_id", None)
        kept.append(event)
    return kept


@pytest.mark.parametrize(
    ("choice", "lines", "others"),
    [
        (["--uncommitted"], ["3 +three", "File new.py", "1 +new"], ["+two"]),
        (["--base", "main"], ["2 +two", "3 +three"], ["+one", "new.py"]),
        (["--commit", "HEAD"], ["2 +two"], ["three"]),
        (["--commit", "HEAD~1"], ["File f.py", "1 +one"], ["two"]),
        (["Look for typos."], ["Look for typos.", "3 +three"], []),
    ],
    ids=str,
)
def test_the_model_is_shown_the_change_with_numbered_lines(
    tmp_path: Path, repo: Path, choice: list[str], lines: list[str], others: list[str]
) -> None:
    script = [Reply(events=turn(message(answer())))]
    ran, (request,) = review(tmp_path, script, *choice)
    assert ran.returncode == 0, ran.stderr
    text = asked(request)
    assert [line for line in lines if line not in text] == []
    assert [line for line in others if line in text] == []
    assert request["text"]["format"]["schema"]["required"][0] == "findings"


def test_warnings_of_git_are_no_lines_of_the_change(tmp_path: Path, repo: Path) -> None:
    git(repo, "config", "core.autocrlf", "input")
    (repo / "f.py").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    git(repo, "config", "diff.noprefix", "true")
    _, (request,) = review(
        tmp_path, [Reply(events=turn(message(answer())))], "--uncommitted"
    )
    told = asked(request)
    assert "warning:" not in told
    assert "File f.py\n@@\n     1  one\n" in told


def test_a_filter_that_cannot_do_with_reading_is_left_out(
    tmp_path: Path, repo: Path
) -> None:
    git(repo, "config", "filter.keeps.clean", f"tee {repo}/kept")
    git(repo, "config", "filter.keeps.required", "true")
    (repo / ".gitattributes").write_text("*.py filter=keeps\n")
    ran, (request,) = review(
        tmp_path, [Reply(events=turn(message(answer())))], "--uncommitted"
    )
    assert (ran.returncode, (repo / "kept").exists()) == (0, False)
    assert "3 +three" in asked(request)


def test_new_files_that_are_left_out_are_said(tmp_path: Path, repo: Path) -> None:
    for number in range(MAX_UNTRACKED):
        (repo / f"n{number}").write_text("n\n")
    ran, (request,) = review(
        tmp_path, [Reply(events=turn(message(answer())))], "--uncommitted"
    )
    assert asked(request).count("+n") == MAX_UNTRACKED
    assert f"Only {MAX_UNTRACKED} of {MAX_UNTRACKED + 1} new files" in ran.stderr


def test_what_to_look_for_may_come_from_stdin(tmp_path: Path, repo: Path) -> None:
    with FakeServer(script=[Reply(events=turn(message(answer())))]) as server:
        words = ["review", *provider(server.url), "-"]
        ran = run_exec(tmp_path, words, prompt="Look for races.\n")
        (request,) = (seen.json for seen in server.posts)
    assert (ran.returncode, asked(request).startswith("Look for races.\n")) == (0, True)
    ran, requests = review(tmp_path, [], "-")
    assert (ran.returncode, requests) == (1, [])
    assert ran.stderr == "Error: No prompt provided via stdin.\n"


def test_a_change_that_does_not_fit_the_window_comes_in_parts(
    tmp_path: Path, repo: Path
) -> None:
    for name in "abcd":
        (repo / f"{name}.py").write_text(f"{name * 60}\n" * 300)
    texts = [answer(finding(f"{name}.py", name), words="") for name in "12345678"]
    script = [
        Reply(events=chat_turn(chat_text(text), prompt_tokens=6000)) for text in texts
    ]
    more = ',tool_mode="native"'
    window = ("-c", "model_context_window=8192", "--uncommitted")
    ran, requests = review(tmp_path, script, *window, wire="chat", more=more)
    assert ran.returncode == 0, ran.stderr
    assert len(requests) > 4
    parts = [request["messages"][-1]["content"] for request in requests]
    assert all(len(part.encode()) < 8192 * 4 // 2 for part in parts)
    assert [len(request["messages"]) for request in requests] == [3] * len(parts)
    assert not any("tools" in request for request in requests)
    assert ran.stdout.count("\n- ") == len(requests)
    assert f"- 1 — {repo}/1.py:3-3" in ran.stdout


@pytest.mark.parametrize(
    ("window", "shown"), [(8192, ("0", "160", "399")), (2048, ("160",))]
)
def test_small_models_see_as_much_around_a_change_as_there_is_room_for(
    tmp_path: Path, repo: Path, window: int, shown: tuple[str, ...]
) -> None:
    """A function of 60 lines in a file of 400; it fits 2048 tokens, the file 8192."""
    lines = [f"x{n} = {n}" for n in range(400)]
    lines[140] = "def inner():"
    lines[141:200] = [f"    y{n} = {n}" for n in range(141, 200)]
    (repo / "long.py").write_text("\n".join(lines) + "\n")
    git(repo, "add", "long.py")
    git(repo, "commit", "-q", "-m", "long", "long.py")
    lines[198] = "    return y141"
    (repo / "long.py").write_text("\n".join(lines) + "\n")
    reply = Reply(events=chat_turn(chat_text(answer()), prompt_tokens=600))
    ran, (request,) = review(
        tmp_path,
        [reply],
        *("-c", f"model_context_window={window}", "--uncommitted"),
        wire="chat",
        more=',tool_mode="native"',
    )
    assert ran.returncode == 0, ran.stderr
    text = request["messages"][-1]["content"]
    seen = [n for n in ("0", "160", "399") if f" = {n}\n" in text]
    assert seen == [*shown]
    assert text.count("return y141") == 1
    assert len(text) < window * 4 // 2


def test_a_review_goes_on_with_what_it_found(tmp_path: Path, repo: Path) -> None:
    found = answer(finding(repo / "f.py"))
    script = [Reply(events=turn(message(text))) for text in (found, "I mend it.")]
    with FakeServer(script=script) as server:
        options = provider(server.url)
        done = run_exec(tmp_path, ["review", *options, "--json", "--base", "main"])
        thread = json.loads(done.stdout.splitlines()[0])["thread_id"]
        again = run_exec(tmp_path, ["resume", thread, *options, "mend the first"])
    assert (done.returncode, again.returncode) == (0, 0), again.stderr
    items = server.posts[-1].json["input"]
    said = [(item["role"], item["content"][0]["text"]) for item in items]
    words = f"It breaks.\n\nReview comment:\n\n- [P1] Bad — {repo}/f.py:3-3\n  Because"
    assert said[0] == (
        "user",
        "Review the changes against 'main', and say what is wrong.",
    )
    assert said[1] == ("assistant", f"{words}\n  of that.")
    assert said[-1] == ("user", "mend the first")


@NEEDS_CODEX
def test_codex_goes_on_with_our_review_and_we_with_codexs(
    tmp_path: Path, repo: Path
) -> None:
    for first, second in ((OURS, (CODEX,)), ((CODEX,), OURS)):
        texts = (answer(finding(repo / "f.py")), "I mend it.")
        script = [Reply(events=turn(message(text))) for text in texts]
        with FakeServer(script=script) as server:
            options = provider(server.url)
            words = ["review", *options, "--uncommitted"]
            done = run_exec(tmp_path, words, program=first)
            words = ["resume", "--last", *options, "mend it"]
            again = run_exec(tmp_path, words, program=second)
        assert (done.returncode, again.returncode) == (0, 0), again.stderr
        assert "[P1] Bad" in str(server.posts[-1].json["input"])
        assert again.stdout == "I mend it.\n"


def test_a_review_that_failed_or_shall_not_be_kept(tmp_path: Path, repo: Path) -> None:
    sessions = tmp_path / "home" / "sessions"
    good = [Reply(events=turn(message(answer())))]
    review(tmp_path, good, "--uncommitted", "--ephemeral")
    assert not [*sessions.rglob("*.jsonl")]
    bad = [Reply(status=400, body={"error": {"message": "no"}})]
    review(tmp_path, bad, "--uncommitted")
    [file] = sessions.rglob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    kinds = [line["payload"].get("type", line["type"]) for line in lines]
    assert kinds == [
        *("session_meta", "task_started", "turn_context", "message"),
        *("user_message", "task_complete"),
    ]
    assert lines[-1]["payload"]["error"]["message"] == '{"error": {"message": "no"}}'


def test_an_answer_in_words_is_the_review(tmp_path: Path, repo: Path) -> None:
    script = [Reply(events=turn(message("All fine.")))] * 2
    ran, _ = review(tmp_path, script, "--uncommitted")
    assert (ran.returncode, ran.stdout) == (0, "All fine.\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_review_that_says_nothing_is_said_to_be_none(
    tmp_path: Path, repo: Path, program: Sequence[str]
) -> None:
    script = [Reply(events=turn(message(answer(words=""))))]
    ran, _ = review(tmp_path, script, "--uncommitted", program=program)
    words = "Reviewer failed to output a response.\n"
    assert (ran.returncode, ran.stdout) == (0, words)


def test_a_failed_request_fails_the_review(tmp_path: Path, repo: Path) -> None:
    script = [Reply(status=400, body={"error": {"message": "no"}})]
    ran, _ = review(tmp_path, script, "--uncommitted", "--json")
    last = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, last) == (
        1,
        {"type": "turn.failed", "error": {"message": '{"error": {"message": "no"}}'}},
    )


def test_without_changes_no_model_is_asked(tmp_path: Path, repo: Path) -> None:
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "all")
    words = "There are no changes to review."
    ran, requests = review(tmp_path, [], "--uncommitted")
    assert (ran.stdout, ran.returncode, requests) == (f"{words}\n", 0, [])
    out = tmp_path / "out"
    ran, _ = review(tmp_path, [], "--uncommitted", "--json", "-o", str(out))
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [event["type"] for event in told] == [
        *("thread.started", "turn.started", "item.completed", "turn.completed")
    ]
    assert (told[2]["item"]["text"], out.read_text()) == (words, words)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            [],
            1,
            (
                "Error: Specify --uncommitted, --base, --commit, or provide custom "
                "review instructions\n"
            ),
        ),
        (["--uncommitted", "--base", "x"], 2, "'--uncommitted' cannot be used with "),
    ],
)
def test_what_is_to_be_reviewed_must_be_said_once(
    tmp_path: Path,
    repo: Path,
    program: Sequence[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    ran, _ = review(tmp_path, [], *arguments, program=program)
    assert (ran.returncode, words in ran.stderr) == (code, True)


def test_git_knows_what_is_named_or_the_review_says_so(
    tmp_path: Path, repo: Path
) -> None:
    for option, kind in (("--base", "branch"), ("--commit", "commit")):
        ran, _ = review(tmp_path, [], option, "--output=/x")
        assert ran.returncode == 2
        ran, _ = review(tmp_path, [], f"{option}=--output=x")
        assert (ran.returncode, ran.stderr.splitlines()[0]) == (
            1,
            f"Error: git knows no {kind} `--output=x`",
        )
