"""Skills: which files are some, what a model is told of them, what a prompt brings."""

from pathlib import Path

import pytest

from codex_oss.agent.frontmatter import frontmatter
from codex_oss.agent.skills import FEW, MAX_FILE_BYTES, Found, find_skills, listing
from codex_oss.items import InputText, Message, user


def write(place: Path, folder: str, text: str) -> Path:
    path = place / folder / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def skill(name: str, description: str = "does it", body: str = "Do it.\n") -> str:
    return f"---\nname: {name}\ndescription: {description}\n---\n{body}"


def names(found: Found) -> list[str]:
    return [skill.name for skill in found.skills]


def brought(found: Found, prompt: str) -> list[str]:
    texts: list[str] = []
    for item in found.beside(user(prompt)):
        assert isinstance(item, Message)
        (part,) = item.content
        assert isinstance(part, InputText)
        texts.append(part.text)
    return texts


def test_files_are_found_at_any_depth_in_the_order_of_places_and_names(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, "z", skill("beta"))
    write(first, "deep/er/x", skill("alpha"))
    write(first, ".system/x", skill("hidden"))
    write(first, "too/deep/for/us/x", skill("buried"))
    write(second, "own", "---\ndescription: has the folder's name\n---\n")
    found = find_skills([first, second, tmp_path / "absent"])
    assert (names(found), found.warnings) == (["alpha", "beta", "own"], [])


def test_a_file_that_several_places_lead_to_is_one_skill(tmp_path: Path) -> None:
    first = tmp_path / "first"
    write(first, "x", skill("alpha"))
    (first / "round").symlink_to(first)
    (tmp_path / "second").symlink_to(first)
    found = find_skills([first, tmp_path / "second"])
    assert (names(found), len(brought(found, "$alpha"))) == (["alpha"], 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no lines\n", "missing YAML frontmatter delimited by ---"),
        ("---\nname: x\n", "missing YAML frontmatter delimited by ---"),
        ("---\nname: x\n---\n", "missing field `description`"),
        ("---\nname: x\ndescription:\n---\n", "missing field `description`"),
        (skill("n" * 65), "invalid name: exceeds maximum length of 64 characters"),
        ("x" * (MAX_FILE_BYTES + 1), "it is larger than 65,536 bytes"),
    ],
)
def test_a_file_that_is_no_skill_is_left_out_with_its_reason(
    tmp_path: Path, text: str, why: str
) -> None:
    path = write(tmp_path, "bad", text)
    wanted = Found([], [f"skill {path} is left out: {why}"])
    assert find_skills([tmp_path]) == wanted


def test_what_is_switched_off_or_leads_to_a_secret_counts_as_absent(
    tmp_path: Path,
) -> None:
    place = tmp_path / "skills"
    by_path = write(place, "a", skill("a"))
    write(place, "b", skill("b"))
    secret = write(tmp_path / "private", "c", skill("c"))
    (place / "c").mkdir()
    (place / "c" / "SKILL.md").symlink_to(secret)
    found = find_skills(
        [place],
        denied=(str((tmp_path / "private").resolve()),),
        disabled=frozenset({str(by_path), "b"}),
    )
    assert found == Found([], [])


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("use $beta.", ["beta"]),
        ("x$beta ($be-ta_2)", ["be-ta_2", "beta"]),
        ("$beta $beta", ["beta"]),
        ("$Beta $beta2 $beta-x $beta:y costs $5", []),
        ("[$beta](/nowhere)", []),
        ("$same", []),
    ],
)
def test_a_prompt_brings_the_files_that_it_names(
    tmp_path: Path, prompt: str, wanted: list[str]
) -> None:
    for folder, name in (("1", "beta"), ("2", "be-ta_2"), ("3", "same"), ("4", "same")):
        write(tmp_path, folder, skill(name))
    texts = brought(find_skills([tmp_path]), prompt)
    assert [text.split("\n")[1] for text in texts] == [
        f"<name>{name}</name>" for name in wanted
    ]


def test_what_is_brought_looks_as_codex_writes_it(tmp_path: Path) -> None:
    path = write(tmp_path, "beta", "---\nname: beta\ndescription: d\n---\nbody\n")
    text = (
        f"<skill>\n<name>beta</name>\n<path>{path}</path>\n"
        "---\nname: beta\ndescription: d\n---\nbody\n\n</skill>"
    )
    found = find_skills([tmp_path])
    assert brought(found, "$beta") == [text]
    assert brought(found, f"[$beta]({path})") == [text]


def test_a_model_is_told_names_and_descriptions(tmp_path: Path) -> None:
    path = write(tmp_path, "beta", skill("beta", "> \n  does\n  things"))
    found = find_skills([tmp_path])
    assert listing(found.skills, "Intro.\n", None, lite=True) == (
        (f"<skills>\nIntro.\n- beta: does things (file: {path})\n</skills>"),
        "",
    )


def test_many_skills_are_shortened_for_a_window_and_left_out_of_a_small_one(
    tmp_path: Path,
) -> None:
    for number in range(FEW + 1):
        write(tmp_path, f"{number}", skill(f"s{number}", "word " * 200))
    skills = find_skills([tmp_path]).skills
    whole, _ = listing(skills, "", 1_000_000, lite=False)
    short, warning = listing(skills, "", 32_768, lite=False)
    assert len(short.encode()) <= 32_768 * 4 // 50 < len(whole.encode())
    assert (short.count("…"), warning) == (FEW + 1, "")
    text, warning = listing(skills, "", 4_096, lite=False)
    assert (text, warning) == (
        "",
        (
            "9 skills are not listed: the list would fill too much of the model's "
            "window. They can still be named: $NAME."
        ),
    )
    assert listing(skills, "", None, lite=True) == ("", "")


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ("a: b: c", {"a": "b: c"}),
        ("a: 'it''s'", {"a": "it's"}),
        ('a: "q \\" r"', {"a": 'q " r'}),
        ("a: |\n  one\n  two\nb: c", {"a": "one\ntwo", "b": "c"}),
        ("a: >-\n  one\n  two", {"a": "one two"}),
        ("a: one\n  two # why", {"a": "one two"}),
        ("a:\n  - x\n  - y\nb: c", {"a": "", "b": "c"}),
        ("# a: b\n\nc: d", {"c": "d"}),
        ("a: b\r", {"a": "b"}),
    ],
)
def test_frontmatter_is_read_as_people_write_it(
    lines: str, wanted: dict[str, str]
) -> None:
    assert frontmatter(f"---\n{lines}\n---\nbody") == wanted
