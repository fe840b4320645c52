"""The ladder of edit forms: where a model begins, and when it steps down."""

from codex_oss.tools.ladder import Form, Ladder, Tally, after, rung


def tallies(form: Form, outcomes: str) -> dict[Form, Tally]:
    """Return the record of attempts: ``+`` landed, ``-`` did not."""
    found: dict[Form, Tally] = {}
    for outcome in outcomes:
        found = after(found, form, landed=outcome == "+")
    return found


def test_without_a_record_its_size_decides() -> None:
    assert [rung("patch", {}), rung("replace", {}), rung("whole", {})] == [
        *("patch", "replace", "whole")
    ]


def test_a_form_that_mostly_fails_is_left_out() -> None:
    assert rung("patch", tallies("patch", "---")) == "patch"
    assert rung("patch", tallies("patch", "----")) == "replace"
    assert rung("patch", tallies("patch", "+--+++-")) == "patch"
    both = tallies("patch", "----") | tallies("replace", "----")
    assert rung("patch", both) == "whole"
    assert rung("whole", tallies("whole", "------")) == "whole"


def test_newer_attempts_count_more() -> None:
    assert rung("patch", tallies("patch", "++++++++--")) == "patch"
    assert rung("patch", tallies("patch", "++++++++--------")) == "replace"
    assert rung("patch", tallies("patch", "--------++++++++")) == "patch"


def test_a_richer_form_is_tried_again_after_many_edits_in_a_simpler_one() -> None:
    record = tallies("patch", "--------")
    tries = 0
    while rung("patch", record) != "patch":
        record = after(record, "replace", landed=True)
        tries += 1

    assert 20 < tries < 60


def test_a_tiny_model_climbs_when_whole_files_land_all_the_time() -> None:
    assert rung("whole", tallies("whole", "+" * 8)) == "whole"
    assert rung("whole", tallies("whole", "+" * 9)) == "replace"
    poor = tallies("replace", "----")
    assert rung("whole", tallies("whole", "+" * 9) | poor) == "whole"
    assert rung("replace", tallies("replace", "+" * 20)) == "replace"


def test_two_failures_in_a_row_lead_one_rung_down() -> None:
    offered: list[Form] = []
    ladder = Ladder("patch", offer=offered.append, keep=lambda form, landed: None)

    assert ladder.failed("patch") is None
    ladder.landed("patch")
    assert ladder.failed("patch") is None
    assert offered == []
    assert ladder.failed("patch") == "replace"
    assert ladder.failed("patch") == "replace"
    assert offered == ["replace"]
    assert ladder.failed("replace") is None
    assert ladder.failed("replace") == "whole"
    assert ladder.failed("whole") is None
    assert ladder.failed("whole") is None
    assert offered == ["replace", "whole"]
