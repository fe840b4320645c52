"""What fits a form's fields: typed by people, or sent by programs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.policy.filling import (
    MAX_SHOWN_PATTERN,
    MAX_TEXT,
    Wrong,
    asks_secret,
    check,
    defaults,
    fitting,
    labels,
    proposed,
    read,
    shown,
    wants,
)
from codex_oss.policy.form import (
    Choice,
    Choices,
    Field,
    Form,
    Format,
    Number,
    Option,
    Switch,
    Text,
)

SIZES = (Option("s", "small"), Option("m", "medium"), Option("l", "Large one"))
SIZE = Choice(name="size", title="Size", options=SIZES)
SOME = Choices(name="some", title="Some", options=SIZES, fewest=1, most=2)
TEXT = Text(name="t", title="t")
WHOLE = Number(name="n", title="n", whole=True, least=1, most=100)
NUMBER = Number(name="n", title="n")
SWITCH = Switch(name="ok", title="ok")


def of(kind: Format) -> Text:
    return Text(name="t", title="t", format=kind)


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        (TEXT, " as it is ", " as it is "),
        (TEXT, '""', ""),
        (Text(name="t", title="t", shortest=2, longest=3), "äöü", "äöü"),
        (Text(name="t", title="t", pattern="^[a-z]+$"), "abc", "abc"),
        (Text(name="t", title="t", pattern="(?=x)"), "the server's to check", None),
        (of("email"), " ada@example.org ", "ada@example.org"),
        (of("uri"), "https://example.org/a?b#c", None),
        (of("uri"), "mailto:ada@example.org", None),
        (of("date"), "2024-02-29", None),
        (of("date-time"), "2026-01-31T09:30:00Z", None),
        (of("date-time"), "2026-01-31T09:30:00.123+02:00", None),
        (WHOLE, " 42 ", 42),
        (WHOLE, "1.0", 1),
        (NUMBER, "-1", -1),
        (NUMBER, "2.50", 2.5),
        (NUMBER, ".5", 0.5),
        (NUMBER, "1e3", 1000.0),
        (SWITCH, "Y", True),
        (SWITCH, "no", False),
        (SWITCH, "false", False),
        (SIZE, "2", "m"),
        (SIZE, "S", "s"),
        (SIZE, "large ONE", "l"),
        (SOME, "1", ["s"]),
        (SOME, "1, large one", ["s", "l"]),
        (SOME, "3 1", ["l", "s"]),
        (SOME, "1,1,s,", ["s"]),
        (Choices(name="c", title="c", options=SIZES), '""', []),
    ],
)
def test_what_is_typed_is_understood(field: Field, typed: str, value: Any) -> None:
    expected = typed if value is None else value
    found = read(field, typed)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "typed", "why"),
    [
        (
            Text(name="t", title="t", shortest=2, longest=3),
            "x",
            "it must have 2 to 3 characters, and has 1",
        ),
        (
            TEXT,
            "x" * (MAX_TEXT + 1),
            "it must have at most 10000 characters, and has 10001",
        ),
        (TEXT, "\udc80", "it has bytes that are no text"),
        (Text(name="t", title="t", pattern="^[a-z]+$"), "A", "it must match ^[a-z]+$"),
        (of("email"), "ada", "it must be an e-mail address"),
        (of("email"), "ada@", "it must be an e-mail address"),
        (of("email"), "a da@example.org", "it must be an e-mail address"),
        (of("email"), "a@b@c", "it must be an e-mail address"),
        (of("uri"), "example", "it must be an address such as https://example.com"),
        (of("uri"), "https://a b", "it must be an address such as https://example.com"),
        (of("uri"), "https://[", "it must be an address such as https://example.com"),
        (of("date"), "2026-02-29", "it must be a date such as 2026-01-31"),
        (of("date"), "20260131", "it must be a date such as 2026-01-31"),
        (
            of("date-time"),
            "2026-01-31",
            "it must be a time such as 2026-01-31T09:30:00Z",
        ),
        (
            of("date-time"),
            "2026-01-31T09:30:00",
            "it must be a time such as 2026-01-31T09:30:00Z",
        ),
        (
            of("date-time"),
            "2026-01-31T25:30:00Z",
            "it must be a time such as 2026-01-31T09:30:00Z",
        ),
        (WHOLE, "x", "it must be a whole number from 1 to 100"),
        (WHOLE, "0", "it must be a whole number from 1 to 100"),
        (WHOLE, "101", "it must be a whole number from 1 to 100"),
        (WHOLE, "1.5", "it must be a whole number from 1 to 100"),
        (WHOLE, "1_0", "it must be a whole number from 1 to 100"),
        (WHOLE, "\u0661", "it must be a whole number from 1 to 100"),
        (NUMBER, "9" * 5000, "it must be a number"),
        (NUMBER, "nan", "it must be a number"),
        (NUMBER, "1e999", "it must be a number"),
        (NUMBER, "3,14", "it must be a number"),
        (SWITCH, "maybe", "it must be y or n"),
        (SIZE, "4", "it must be one of the list"),
        (SIZE, "0", "it must be one of the list"),
        (SIZE, "x", "it must be one of the list"),
        (SOME, "1 x", "it must be several of the list, with commas: 1 to 2"),
        (SOME, "1 2 3", "it must be several of the list, with commas: 1 to 2"),
        (SOME, '""', "it must be several of the list, with commas: 1 to 2"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(
    field: Field, typed: str, why: str
) -> None:
    assert read(field, typed) == Wrong(why)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (TEXT, 7),
        (TEXT, None),
        (WHOLE, True),
        (WHOLE, 10**400),
        (WHOLE, "7"),
        (NUMBER, float("inf")),
        (NUMBER, float("nan")),
        (SWITCH, 1),
        (SWITCH, "yes"),
        (SIZE, "small"),
        (SIZE, ["s"]),
        (SOME, "s"),
        (SOME, ["s", 1]),
        (SOME, ["s", "x"]),
        (SOME, []),
    ],
)
def test_values_of_other_kinds_do_not_fit(field: Field, value: object) -> None:
    assert isinstance(check(field, value), Wrong)


FIELDS: tuple[Field, ...] = (
    *(TEXT, of("email"), of("uri"), of("date"), of("date-time")),
    *(WHOLE, NUMBER, SWITCH, SIZE, SOME),
)


@given(st.sampled_from(FIELDS), st.text())
def test_whatever_is_typed_fits_or_is_told(field: Field, typed: str) -> None:
    found = read(field, typed)
    if not isinstance(found, Wrong):
        assert check(field, found) == found
        assert isinstance(shown(field, found), str)


@given(
    st.sampled_from(FIELDS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists
    ),
)
def test_whatever_is_sent_fits_or_is_told(field: Field, value: object) -> None:
    found = check(field, value)
    assert isinstance(found, Wrong) or found == value


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (TEXT, "a text"),
        (Text(name="t", title="t", shortest=1), "at least 1 character"),
        (Text(name="t", title="t", longest=9), "at most 9 characters"),
        (Text(name="t", title="t", shortest=4, longest=4), "4 characters"),
        (
            Text(name="t", title="t", format="email", longest=9, pattern="x"),
            "an e-mail address, at most 9 characters, matching x",
        ),
        (NUMBER, "a number"),
        (Number(name="n", title="n", least=0), "a number, at least 0"),
        (Number(name="n", title="n", most=0.5), "a number, at most 0.5"),
        (WHOLE, "a whole number from 1 to 100"),
        (SWITCH, "y or n"),
        (SIZE, "one of the list"),
        (SOME, "several of the list, with commas: 1 to 2"),
    ],
)
def test_what_belongs_into_a_field_is_told(field: Field, told: str) -> None:
    assert wants(field) == told


def test_of_a_long_pattern_only_the_beginning_is_told() -> None:
    field = Text(name="t", title="t", pattern="a" * (MAX_SHOWN_PATTERN + 1))
    begin = "a" * MAX_SHOWN_PATTERN
    assert wants(field) == f"matching {begin}…"
    assert check(field, "b" * 9) == Wrong(f"it must match {begin}…")


def test_options_that_are_numbers_are_called_by_letters() -> None:
    numbers = tuple(Option(str(n), str(n)) for n in range(30))
    field = Choice(name="n", title="n", options=numbers)
    assert labels(field)[:3] == ("a", "b", "c")
    assert labels(field)[25:] == ("z", "aa", "ab", "ac", "ad")
    assert read(field, "c") == "2"
    assert read(field, "3") == "3"
    assert labels(SIZE) == ("1", "2", "3")


def test_options_of_the_same_title_are_told_apart_by_their_numbers() -> None:
    field = Choice(
        name="n", title="n", options=(Option("x", "one"), Option("y", "one"))
    )
    assert read(field, "one") == Wrong("it must be one of the list")
    assert read(field, "2") == "y"


def test_values_are_shown_by_their_titles() -> None:
    assert [shown(SIZE, "l"), shown(SOME, ["s", "l"]), shown(SOME, [])] == [
        "Large one",
        "small, Large one",
        "",
    ]
    assert [shown(SWITCH, True), shown(WHOLE, 7), shown(TEXT, "x")] == ["yes", "7", "x"]


FORM = Form(
    (
        Text(name="name", title="Name", required=True),
        Number(name="n", title="n", default=3),
        Choices(name="some", title="some", options=SIZES, default=("s",)),
        SWITCH,
    )
)


def test_a_form_has_its_defaults() -> None:
    assert defaults(FORM) == proposed(FORM) == {"n": 3, "some": ["s"]}


def test_agreeing_sets_the_only_switch_that_must_be_set() -> None:
    switch = Switch(name="ok", title="ok", required=True)
    assert proposed(Form((switch, NUMBER))) == {"ok": True}
    assert proposed(Form((switch, Switch(name="b", title="b", required=True)))) == {}
    assert defaults(Form((switch,))) == {}


def test_a_form_is_checked_as_a_whole() -> None:
    assert fitting(FORM, {"name": "x", "n": None, "other": 1}) == {"name": "x"}
    assert fitting(FORM, {"n": 1}) == Wrong("Name: it is needed")
    assert fitting(FORM, {"name": "x", "n": "1"}) == Wrong("n: it must be a number")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        *(("password", "x"), ("x", "Your API key"), ("apiKey", "x"), ("api_key", "x")),
        *(("GITHUB_TOKEN", "x"), ("x", "Access token"), ("clientSecret", "x")),
        *(("x", "Passphrase"), ("x", "PIN"), ("privateKey", "x"), ("x", "CVV")),
        *(("cardNumber", "x"), ("x", "Recovery codes"), ("db-passwd", "x")),
    ],
)
def test_a_field_that_looks_like_a_secret_is_known(name: str, title: str) -> None:
    assert asks_secret(Text(name=name, title=title))


@pytest.mark.parametrize(
    "field",
    [
        Text(name="name", title="Name"),
        Text(name="shipping", title="Spinning pins"),
        Text(name="email", title="Where do we send the token?", format="email"),
        Text(name="key", title="Key of the piece of music"),
        Number(name="max_tokens", title="Tokens at most"),
        Switch(name="keep_password", title="Keep the password?"),
        Choice(name="token_kind", title="Kind of token", options=SIZES),
    ],
)
def test_other_fields_are_no_secrets(field: Field) -> None:
    assert not asks_secret(field)


def test_a_message_may_say_that_a_secret_is_meant() -> None:
    value = Text(name="value", title="value")
    assert asks_secret(value, "Please enter your password.")
    assert not asks_secret(value, "Please enter your name.")
