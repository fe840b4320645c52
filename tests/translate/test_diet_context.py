"""Skills, permissions, mode and environment in few words, and nothing unknown lost."""

import sys

import pytest

from codex_oss.translate.diet import context
from codex_oss.translate.diet.context import modes_of, slim_developer, slim_user
from codex_oss.translate.diet.toolset import SmallLevel
from fake_codex_requests import environment, mode, permissions, skills

both_levels = pytest.mark.parametrize("level", ["safe", "aggressive"])


# --- skills ------------------------------------------------------------------------


def test_safe_tells_of_each_skill_its_name_its_use_and_its_path() -> None:
    assert slim_developer(skills(), "safe") == (
        "<skills_instructions>\n"
        "Skills are instructions in files. When the user names one, or the task is "
        "what one is for, read its file first:\n"
        "- painter: Paints pictures of all kinds for those who like them. It has "
        "colours, brushes and more. "
        "Path: /home/me/.codex/skills/.system/painter/SKILL.md\n"
        "- team:release: How we release. Read it before each release. "
        "Path: /home/me/.codex/skills/rel/SKILL.md\n"
        "</skills_instructions>"
    )


def test_aggressive_tells_of_the_person_s_own_skills_only() -> None:
    slim = slim_developer(skills(), "aggressive") or ""
    assert "- team:release: /home/me/.codex/skills/rel/SKILL.md\n" in slim
    assert "painter" not in slim


def test_aggressive_leaves_out_a_list_of_codex_s_own_skills() -> None:
    own = skills().replace("(file: r1/", "(file: r0/")
    assert slim_developer(own, "aggressive") is None


@both_levels
@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("### How to use skills", "### House rules about skills"),
        ("- painter: ", "- painter "),
        ("### Available skills", "### More skills"),
        ("</skills_instructions>", "</skills_instructions>\nAnd more."),
        ("</skills_instructions>", ""),
    ],
)
def test_skills_of_another_form_stay(level: SmallLevel, was: str, now: str) -> None:
    changed = skills().replace(was, now)
    assert slim_developer(changed, level) == changed


# --- permissions -------------------------------------------------------------------

_OPEN, _CLOSE = "<permissions instructions>\n", "\n</permissions instructions>"


@both_levels
def test_permissions_tell_sandbox_network_approval_and_roots(level: SmallLevel) -> None:
    assert slim_developer(permissions(), level) == (
        f"{_OPEN}Sandbox: all files can be read, the writable roots written. "
        "Network: none.\n"
        "Approvals: none. What is blocked stays blocked: do not ask.\n"
        f"The writable roots are `/tmp`, `/repo`.{_CLOSE}"
    )


@both_levels
def test_permissions_stay_true_in_every_sandbox(level: SmallLevel) -> None:
    reading = slim_developer(permissions("read-only", "enabled"), level) or ""
    full = slim_developer(permissions("danger-full-access", "enabled"), level) or ""
    assert "Sandbox: read-only; nothing can be written. Network: yes." in reading
    assert "Sandbox: none. Network: yes." in full


@both_levels
def test_where_the_user_can_approve_the_model_is_told_how(level: SmallLevel) -> None:
    slim = slim_developer(permissions(asks=True), level) or ""
    assert '"sandbox_permissions": "require_escalated"' in slim
    assert "`/tmp`, `/repo`" in slim
    assert "segments" not in slim
    assert "make" not in slim


@both_levels
def test_rules_of_unknown_form_stay_among_the_permissions(level: SmallLevel) -> None:
    rules = '## Approved command prefixes\n- ["git", "pull"]'
    for asks in (False, True):
        slim = slim_developer(permissions(asks=asks, also=rules), level) or ""
        assert rules in slim


@both_levels
@pytest.mark.parametrize(
    "changed",
    [
        permissions("no-such-mode"),
        permissions(network="sometimes"),
        permissions().replace("never", "always"),
        "<permissions instructions>\nAsk first.\n</permissions instructions>",
    ],
)
def test_permissions_of_another_form_stay(level: SmallLevel, changed: str) -> None:
    assert slim_developer(changed, level) == changed


@both_levels
def test_a_line_behind_the_last_example_stays(level: SmallLevel) -> None:
    reviewed = "`approvals_reviewer` is `auto_review`: a reviewer decides."
    slim = slim_developer(permissions(asks=True, also=reviewed), level) or ""
    assert f"{reviewed}\nThe writable roots are `/tmp`, `/repo`." in slim


def test_more_about_the_network_stays() -> None:
    more = permissions().replace("restricted.", "restricted. Only a.example answers.")
    assert "Network: none. Only a.example answers.\n" in (
        slim_developer(more, "safe") or ""
    )


# --- modes -------------------------------------------------------------------------


def test_the_modes_are_read_from_what_codex_says_and_from_our_words() -> None:
    asking = permissions(asks=True)
    assert modes_of(asking) == {"escalate"}
    assert modes_of(slim_developer(asking, "safe") or "") == {"escalate"}
    assert modes_of(mode("Plan")) == {"plan"}
    for text in (permissions(), mode("Default"), "require_escalated", "Plan"):
        assert modes_of(text) == set()


@both_levels
def test_the_default_mode_is_said_shortly_and_others_whole(level: SmallLevel) -> None:
    slim = slim_developer(mode("Default"), level) or ""
    assert len(slim) < len(mode("Default")) / 2
    assert slim.startswith("<collaboration_mode>\nDefault mode.")
    assert slim_developer(mode("Plan"), level) == mode("Plan")


# --- environment -------------------------------------------------------------------


def test_safe_leaves_the_environment() -> None:
    assert slim_user(environment(), "safe") == environment()


def test_aggressive_tells_of_the_environment_what_is_protected() -> None:
    assert slim_user(environment(), "aggressive") == (
        "<environment_context>\n<cwd>/repo</cwd>\n<shell>bash</shell>\n"
        "<current_date>2026-11-21</current_date>\n"
        "<read_only>/repo/.git /repo/.codex</read_only>\n</environment_context>"
    )


@pytest.mark.parametrize("access", ["none", "deny"])
def test_a_profile_of_another_form_stays(access: str) -> None:
    changed = environment().replace('"write"', f'"{access}"')
    slim = slim_user(changed, "aggressive") or ""
    assert f'<entry access="{access}"><path>/repo</path></entry>' in slim


@both_levels
@pytest.mark.parametrize("text", ["<html>", "<environment_context>", "< a > b", "<"])
def test_what_people_write_between_tags_stays(level: SmallLevel, text: str) -> None:
    assert slim_user(text, level) == text
    assert slim_developer(text, level) == text


# --- what is kept ------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<" + "x" * 10,
        "<environment_contexts>",
        f"<environment_context>{'x' * context.KEPT_CHARS}</environment_context>",
    ],
)
def test_a_text_that_is_not_made_short_or_is_huge_is_not_kept(text: str) -> None:
    held = sys.getrefcount(text)
    for level in ("safe", "aggressive"):
        assert slim_user(text, level) == text
        assert slim_developer(text, level) == text
    assert modes_of(text) == set()
    assert sys.getrefcount(text) == held


def test_a_huge_text_is_made_short_all_the_same() -> None:
    small = skills()
    more = "".join(
        f"- s{number}: {'Long words. ' * 20} (file: r1/s{number}/SKILL.md)\n"
        for number in range(context.KEPT_CHARS // 200)
    )
    end = "### How to use skills"
    huge = small.replace(end, more + end)
    assert len(huge) > context.KEPT_CHARS
    slim = slim_developer(huge, "safe") or ""
    assert slim.startswith((slim_developer(small, "safe") or "").splitlines()[0])
    assert len(slim) < len(huge) * 2 // 3
