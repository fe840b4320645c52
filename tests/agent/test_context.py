"""What the model is told before the conversation."""

from pathlib import Path

import pytest

from codex_oss.agent import context
from codex_oss.agent.project_docs import ProjectDocs, project_root, read_project_docs
from codex_oss.items import InputImage, InputText, Message, user
from codex_oss.policy import Permissions


@pytest.mark.parametrize(
    ("model", "window", "profile"),
    [
        ("gpt-oss:20b", 131_072, "full"),
        ("gpt-oss:20b", 8192, "lite"),
        ("qwen3.5:4b", None, "lite"),
        ("qwen3.5:35b-a3b", None, "full"),
        ("SmolLM2-135M-Instruct", None, "lite"),
        ("gpt-5.5", None, "full"),
        ("phi", None, "full"),
        ("gpt-oss:20b", 16_384, "full"),
    ],
)
def test_small_models_and_windows_get_the_lite_prompt(
    model: str, window: int | None, profile: str
) -> None:
    assert context.choose_profile(model, window) == profile


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("gpt-oss:20b", 20.0),
        ("qwen3.5:35b-a3b", 35.0),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", 0.135),
        ("models/tiny-0.5b.gguf", 0.5),
        ("gpt-5.5", None),
        ("b", None),
    ],
)
def test_a_model_s_size_is_read_from_its_name(model: str, size: float | None) -> None:
    assert context.billions(model) == size


def test_tiny_models_are_told_of_no_docs_and_others_by_their_window() -> None:
    assert context.docs_budget("smollm2-135m", 8192, 32_768) == 0
    assert context.docs_budget("gpt-oss:20b", 8192, 32_768) == 4096
    assert context.docs_budget("gpt-oss:20b", None, 32_768) == 32_768


@pytest.mark.parametrize(
    ("permissions", "text"),
    [
        (
            Permissions(mode="read-only"),
            "read-only: nothing can be written, network off",
        ),
        (
            Permissions(mode="workspace-write", writable_roots=("/w", "/tmp")),
            "only these can be written: /w, /tmp; network off",
        ),
        (
            Permissions(mode="danger-full-access", network=True),
            "none: commands may write anywhere and use the network",
        ),
    ],
)
def test_the_environment_says_what_the_sandbox_allows(
    permissions: Permissions, text: str
) -> None:
    assert context.environment("/w", "bash", permissions) == user(
        "<environment_context>\n  <cwd>/w</cwd>\n  <shell>bash</shell>\n"
        f"  <sandbox>{text}</sandbox>\n</environment_context>"
    )


ASKS = (
    "the user can let a command out of the sandbox: "
    'sandbox_permissions="require_escalated" and a justification'
)
ALWAYS = "the user is asked before every command that does not only read"


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        (Permissions(approval="on-request"), ASKS),
        (Permissions(approval="untrusted"), f"{ALWAYS}; {ASKS}"),
    ],
)
def test_the_environment_says_what_the_user_can_be_asked(
    permissions: Permissions, words: str
) -> None:
    assert context.environment("/w", "bash", permissions) == user(
        "<environment_context>\n  <cwd>/w</cwd>\n  <shell>bash</shell>\n"
        "  <sandbox>read-only: nothing can be written, network off</sandbox>\n"
        f"  <approvals>{words}</approvals>\n</environment_context>"
    )


def test_images_stand_before_the_prompt_and_unreadable_ones_are_named() -> None:
    message = context.prompt("what is it?", [("/a.png", "data:x"), ("/b.png", "")])
    assert message == Message(
        role="user",
        content=[
            InputText(text='<image name=[Image #1] path="/a.png">'),
            InputImage(image_url="data:x", detail="high"),
            InputText(text="</image>"),
            InputText(text="The image at `/b.png` could not be read."),
            InputText(text="what is it?"),
        ],
    )


# --- AGENTS.md -----------------------------------------------------------------------


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    sub = tmp_path / "repo" / "sub"
    sub.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "home").mkdir()
    return tmp_path / "repo"


def read(
    repo: Path, cwd: Path, max_bytes: int = 1000, denied: tuple[str, ...] = ()
) -> ProjectDocs:
    home = repo.parent / "home"
    return read_project_docs(
        cwd, home, max_bytes=max_bytes, fallback_names=["X.md"], denied=denied
    )


def test_docs_are_read_from_the_root_down_and_the_global_one_stands_first(
    repo: Path,
) -> None:
    (repo.parent / "home" / "AGENTS.md").write_text("all\n")
    (repo / "AGENTS.md").write_text("root\n")
    (repo / "sub" / "AGENTS.md").write_text("sub\n")
    assert read(repo, repo / "sub") == ProjectDocs(
        f"# AGENTS.md instructions for {repo / 'sub'}\n\n<INSTRUCTIONS>\n"
        "all\n\n--- project-doc ---\n\nroot\n\n\nsub\n\n</INSTRUCTIONS>",
        [],
    )


def test_an_override_wins_and_a_fallback_name_comes_last(repo: Path) -> None:
    (repo / "AGENTS.override.md").write_text("over")
    (repo / "AGENTS.md").write_text("plain")
    (repo / "sub" / "X.md").write_text("fallback")
    text = read(repo, repo / "sub").text
    assert "over\n\nfallback" in text
    assert "plain" not in text


def test_a_blank_override_silences_its_folder_but_not_the_global_file(
    repo: Path,
) -> None:
    for folder in (repo, repo.parent / "home"):
        (folder / "AGENTS.override.md").write_text(" \n")
        (folder / "AGENTS.md").write_text("plain")
    assert read(repo, repo) == ProjectDocs(
        "# AGENTS.md instructions\n\n<INSTRUCTIONS>\nplain\n</INSTRUCTIONS>", []
    )


def test_a_folder_named_like_the_file_counts_as_absent(repo: Path) -> None:
    (repo / "AGENTS.override.md").mkdir()
    (repo / "AGENTS.md").write_text("plain")
    assert "\nplain\n" in read(repo, repo).text


@pytest.mark.parametrize("target", ["../private/key", "/proc/self/environ"])
def test_a_link_to_what_may_not_be_read_counts_as_absent(
    repo: Path, target: str
) -> None:
    private = repo.parent.resolve() / "private"
    private.mkdir()
    (private / "key").write_text("secret")
    (repo / "AGENTS.override.md").symlink_to(target)
    (repo / "AGENTS.md").write_text("plain")
    real = (repo / "AGENTS.override.md").resolve()
    read_here = read(repo, repo, denied=(str(private),))
    (repo / "AGENTS.override.md").unlink()
    assert read_here.text == read(repo, repo).text
    # The kernel's `self` is another one for each process.
    [told] = read_here.warnings
    assert told.startswith(f"{repo / 'AGENTS.override.md'} is a link to {real}")
    assert told.endswith("which may not be read: it is left out.")


def test_the_file_over_the_budget_is_cut_and_people_are_told(repo: Path) -> None:
    (repo / "AGENTS.md").write_text("123456789")
    (repo / "sub" / "AGENTS.md").write_text("more")
    docs = read(repo, repo / "sub", max_bytes=3)
    assert "\n123\n</INSTRUCTIONS>" in docs.text
    why = (
        "the project's files may fill 3 bytes. Shorten them, or raise "
        "`project_doc_max_bytes`."
    )
    assert docs.warnings == [
        f"Loaded only 3 of 9 bytes from {repo / 'AGENTS.md'}: {why}",
        f"Left out {repo / 'sub' / 'AGENTS.md'} and what follows: {why}",
    ]


def test_of_a_file_however_large_no_more_is_read_than_counts(repo: Path) -> None:
    with (repo / "AGENTS.md").open("wb") as file:
        file.write(b"Be brief.")
        file.truncate(1 << 40)
    read = read_project_docs(repo, repo / "home", max_bytes=9)
    assert "<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>" in read.text
    assert f"Loaded only 9 of {1 << 40} bytes" in read.warnings[0]


def test_no_budget_means_no_project_docs_but_the_global_one(repo: Path) -> None:
    (repo.parent / "home" / "AGENTS.md").write_text("all")
    (repo / "AGENTS.md").write_text("root")
    text = read(repo, repo, max_bytes=0).text
    assert text == "# AGENTS.md instructions\n\n<INSTRUCTIONS>\nall\n</INSTRUCTIONS>"


def test_the_root_is_the_nearest_folder_with_a_marker(repo: Path) -> None:
    assert project_root(repo / "sub") == repo
    assert project_root(repo.parent / "home", ["no such marker"]) is None


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "AGENTS.md"
    path.write_text("Be kind.")

    def refused(opened: Path, mode: str) -> object:
        raise PermissionError(13, "Permission denied", str(opened), mode)

    monkeypatch.setattr(Path, "open", refused)
    found = read_project_docs(tmp_path, tmp_path / "home")
    assert found == ProjectDocs("", [f"{path} is left out: Permission denied."])
