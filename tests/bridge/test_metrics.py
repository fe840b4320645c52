"""The numbers for Prometheus, read by Prometheus' own parser where it is there."""

import pytest
from inline_snapshot import snapshot

from codex_oss import facts
from codex_oss.bridge import metrics as numbers
from codex_oss.bridge.exposition import Counter, Histogram, exposition
from codex_oss.bridge.ledger import Ledger
from codex_oss.bridge.metrics import Metrics
from codex_oss.wire.responses import InputTokensDetails, Usage

Sample = tuple[str, tuple[tuple[str, str], ...]]


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _parsed(text: bytes) -> dict[Sample, float]:
    parser = pytest.importorskip(
        "prometheus_client.parser", reason="prometheus_client is not installed"
    )
    families = parser.text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def _busy_bridge() -> Metrics:
    """Numbers after one good request, one whose client left, and one that runs."""
    counted, clock = Metrics(), Ticks()
    ledger = Ledger(watchers=[counted], clock=clock)
    entry = ledger.open(client="codex", route="/v1/responses", model="qwen", came=b"")
    entry.note(facts.Slimmed(tokens_before=8400, tokens_after=1700))
    entry.note(facts.Sent(url="http://u", body=b"{}"))
    entry.note(facts.Mended(what="name", was="shell", now="exec_command"))
    entry.note(facts.Mended(what="name", was="bash", now="exec_command"))
    entry.note(facts.AskedAgain(reason="bad"))
    entry.note(facts.Retried(reason="cut"))
    entry.note(facts.Truncated(tokens_sent=9, tokens_read=4))
    clock.seconds = 0.2
    entry.first()
    entry.wrote(b"x" * 100)
    clock.seconds = 3.0
    cached = InputTokensDetails(cached_tokens=1600)
    usage = Usage(input_tokens=1700, input_tokens_details=cached, output_tokens=50)
    entry.end(status=200, outcome="completed", usage=usage)
    with ledger.open(client="a", route="/v1/responses", model="qwen", came=b""):
        pass
    ledger.open(client="a", route="/v1/responses", model="qwen", came=b"")
    return counted


def test_the_parser_of_prometheus_reads_every_number() -> None:
    found = _parsed(_busy_bridge().text())
    prefix, model = "codex_oss_bridge_", (("model", "qwen"),)

    def requests(outcome: str) -> Sample:
        labels = (
            ("model", "qwen"),
            ("outcome", outcome),
            ("route", "/v1/responses"),
        )
        return (f"{prefix}requests_total", labels)

    expected: dict[Sample, float] = {
        requests("completed"): 1,
        requests("gone"): 1,
        (f"{prefix}in_flight", ()): 1,
        (f"{prefix}input_tokens_total", model): 1700,
        (f"{prefix}output_tokens_total", model): 50,
        (f"{prefix}cached_tokens_total", model): 1600,
        (f"{prefix}saved_tokens_total", model): 6700,
        (f"{prefix}mended_total", (("what", "name"),)): 2,
        (f"{prefix}asked_again_total", ()): 1,
        (f"{prefix}upstream_retries_total", ()): 1,
        (f"{prefix}truncated_total", ()): 1,
        (f"{prefix}response_bytes_total", ()): 100,
        (f"{prefix}clients_gone_total", ()): 1,
        (f"{prefix}time_to_first_token_seconds_bucket", (("le", "0.1"),)): 0,
        (f"{prefix}time_to_first_token_seconds_bucket", (("le", "0.25"),)): 1,
        (f"{prefix}time_to_first_token_seconds_bucket", (("le", "+Inf"),)): 1,
        (f"{prefix}time_to_first_token_seconds_sum", ()): 0.2,
        (f"{prefix}time_to_first_token_seconds_count", ()): 1,
        (f"{prefix}duration_seconds_bucket", (("le", "5"),)): 2,
        (f"{prefix}duration_seconds_count", ()): 2,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found["process_cpu_seconds_total", ()] > 0
    names = {name for name, _ in found}
    assert {n for n in names if not n.startswith((prefix, "process_"))} == set()


def test_names_of_models_are_bounded() -> None:
    counted = Metrics()
    ledger = Ledger(watchers=[counted])
    for number in range(numbers.MAX_NAMES + 5):
        entry = ledger.open(client="a", route="/r", model=f"m{number}", came=b"")
        entry.end(status=200, outcome="completed")
    lines = counted.text().decode().splitlines()
    requests = [line for line in lines if line.startswith("codex_oss_bridge_requests")]
    assert len(requests) == numbers.MAX_NAMES + 1
    other = 'codex_oss_bridge_requests_total{route="/r",model="other"'
    assert [line for line in requests if line.startswith(other)] == [
        f'{other},outcome="completed"}} 5'
    ]


def test_label_values_are_escaped() -> None:
    hostile = 'a"} 1\n# \\ \ud800é'
    counter = Counter("c", "One\ntwo \\.", ("name",))
    counter.add(1, hostile)
    text = exposition([counter.lines()])
    assert text.decode() == snapshot(
        """\
# HELP c One\\ntwo \\\\.
# TYPE c counter
c{name="a\\"} 1\\n# \\\\ ?é"} 1
"""
    )
    hit = ("c_total", (("name", 'a"} 1\n# \\ ?é'),))
    parsed = _parsed(text)
    assert parsed in ({hit: 1.0}, {("c", hit[1]): 1.0})


def test_a_value_on_a_bound_is_below_it() -> None:
    histogram = Histogram("h", "Some.", (1, 2))
    for value in (1, 1.5, 2, 3):
        histogram.observe(value)
    assert exposition([histogram.lines()]).decode() == snapshot(
        """\
# HELP h Some.
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="2"} 3
h_bucket{le="+Inf"} 4
h_sum 7.5
h_count 4
"""
    )
