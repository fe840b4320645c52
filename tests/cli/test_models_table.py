"""The table of models: what stands in it, in 80 columns, with colours and without."""

import re

import pytest
from msgspec.structs import replace

from codex_oss.cli import models_table
from codex_oss.cli.models_table import Style
from codex_oss.engines import catalog, fit
from codex_oss.engines.base import Found, Installed
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host
from codex_oss.engines.shape import Shape
from codex_oss.wiring.inventory import Listing, Model, Offer

GIB = 1 << 30
PC = Host(
    processor="AMD Ryzen 7",
    cores=8,
    memory=32 * GIB,
    free=28 * GIB,
    cards=(
        Card(name="NVIDIA GeForce RTX 4070", memory=12 * GIB, free=int(11.4 * GIB)),
    ),
)
OLLAMA = Found(
    server="ollama",
    url="http://localhost:11434",
    version="0.33.0",
    said_by="port 11434",
)


def judged(size: int, shape: Shape, host: Host, context: int = 131_072) -> fit.Fit:
    return fit.judge(fit.Weights(size=size, shape=shape, context=context), host)


def model(installed: Installed, judgement: fit.Fit | None, problem: str = "") -> Model:
    return Model(
        engine="ollama",
        url=OLLAMA.url,
        installed=installed,
        fit=judgement,
        problem=problem,
    )


def listing(host: Host, *models: Model, found: tuple[Found, ...] = ()) -> Listing:
    offers = [
        Offer(entry=entry, fit=fit.judge(entry.weights, host))
        for entry in catalog.load().models[:3]
    ]
    return Listing(
        host=host,
        found=list(found),
        installed=list(models),
        offers=offers,
        default=catalog.default(host),
    )


def page(of: Listing, *, everything: bool = False, color: bool = False) -> list[str]:
    return list(models_table.lines(of, everything=everything, style=Style(color)))


def some() -> Listing:
    qwen = Installed(
        name="qwen3:8b",
        size=5_200_000_000,
        context=40_960,
        loaded=32_768,
        on_gpu=0.75,
        tools=True,
    )
    long = Installed(
        name="hf.co/somebody/a-model-with-a-long-name:Q4_K_M",
        size=30_000_000_000,
        context=8192,
        tools=False,
    )
    cloud = Installed(name="kimi-k3:cloud", context=262_144, tools=True, remote=True)
    return listing(
        PC,
        model(qwen, judged(5_200_000_000, Shape(per_token=73_728), PC, 40_960)),
        model(long, judged(30_000_000_000, Shape(), PC, 8192)),
        model(cloud, None),
        found=(OLLAMA,),
    )


def test_the_table_tells_memory_place_and_speed() -> None:
    assert (
        page(some())
        == """\
This machine: AMD Ryzen 7, 8 cores
  34.4 GB of memory (30.1 free), NVIDIA GeForce RTX 4070 with 12.9 GB

                                         memory, GB, at
                          GB   ctx tools    8k   32k   64k  here          tok/s
Ollama 0.33.0 at http://localhost:11434
  qwen3:8b               5.2   40k yes     6.8  10.4     -  fits GPU        ~52
    loaded with 32768 tokens of context, 75% of it on the GPU
  hf.co/somebody/a-model-with-a-long-name:Q4_K_M
                        30.0    8k no    31.8?     -     -  fits GPU+CPU     ~2
    cannot call tools
  kimi-k3:cloud               256k yes
    runs in a cloud: what is sent to it leaves this machine

                                         memory, GB, at
                          GB   ctx tools    8k   32k   64k  here          tok/s
To be had from Ollama's library
  gpt-oss:20b *         13.8  128k good   14.4  15.0  15.8  fits GPU+CPU    ~51
  2 more do not fit this machine: --all
* gpt-oss:20b is the default: codex-oss models pull gpt-oss:20b

Memory: the file, the cache of the context, what is computed in. tight: it
fits when other programs end. tok/s: an estimate from the memory's bandwidth;
half and double occur. ?: the cost of the context is not known, assumed high.
codex-oss models show|pull|use|remove NAME""".splitlines()
    )


def test_without_ollama_the_default_is_one_for_the_embedded_engine() -> None:
    told = page(replace(some(), found=[], installed=[]))
    command = "codex-oss models pull hf:ggml-org/gpt-oss-20b-GGUF"
    assert f"* gpt-oss:20b is the default: {command}" in told


def test_all_of_the_catalogue_is_shown_when_that_is_wanted() -> None:
    lines = page(some(), everything=True)
    (row,) = [line for line in lines if "gpt-oss:120b" in line]
    assert " ".join(row.split()) == (
        "gpt-oss:120b 65.0 128k best 65.7 66.6 67.9 does not fit"
    )
    assert not any("--all" in line for line in lines)


def test_colours_change_nothing_but_colours() -> None:
    painted = page(some(), everything=True, color=True)
    plain = [re.sub(r"\x1b\[\d+m", "", line).rstrip() for line in painted]
    assert plain == page(some(), everything=True)
    for word, code in (("fits", 32), ("does not fit", 31)):
        assert f"\x1b[{code}m{word}" in "\n".join(painted)


def test_the_default_that_is_here_is_marked_and_not_offered() -> None:
    here = Installed(name="gpt-oss:20b", size=13_800_000_000, context=131_072)
    lines = page(listing(PC, model(here, None), found=(OLLAMA,)))
    assert [line.split()[:2] for line in lines if "gpt-oss:20b" in line] == [
        ["gpt-oss:20b", "*"],
        ["*", "gpt-oss:20b"],
    ]
    assert "* gpt-oss:20b is the default" in lines


def test_a_small_machine_is_told_what_to_take() -> None:
    small = Host(cores=4, memory=8 * GIB, free=7 * GIB)
    lines = page(listing(small))
    assert lines[:2] == [
        "This machine: 4 cores",
        "  8.6 GB of memory (7.5 free), no graphics card",
    ]
    assert "  3 more do not fit this machine: --all" in lines
    told = next(line for line in lines if line.startswith("* "))
    assert told.startswith("* gpt-oss:20b does not fit here; qwen3.5:")


def test_a_machine_that_tells_no_memory_is_not_guessed() -> None:
    lines = page(listing(Host(), found=(OLLAMA,)))
    assert lines[1] == "  no graphics card"
    (row,) = [line for line in lines if "gpt-oss:20b" in line]
    assert row.endswith("15.8  unknown")


def test_names_cannot_write_to_the_terminal() -> None:
    bad = Installed(name="a\x1b[2Jb", size=1)
    lines = page(listing(PC, model(bad, None, problem="c\x1b[2J"), found=(OLLAMA,)))
    assert not any("\x1b" in line for line in lines)


def test_models_of_another_machine_are_listed_without_memory() -> None:
    far = Found(server="ollama", url="http://10.0.0.5:11434", said_by="OLLAMA_HOST")
    one = Model(
        engine="ollama",
        url=far.url,
        here=False,
        installed=Installed(name="gpt-oss:20b", size=13_800_000_000),
    )
    lines = page(listing(PC, one, found=(far,)))
    at = lines.index("Ollama at http://10.0.0.5:11434")
    assert lines[at + 1 : at + 3] == [
        "  runs on another machine, of whose memory nothing is known",
        "  gpt-oss:20b *         13.8       good",
    ]


def test_a_mac_shares_its_memory() -> None:
    mac = Host(
        processor="Apple M4", cores=4, memory=16 * GIB, free=11 * GIB, unified=True
    )
    assert list(models_table.machine(mac)) == [
        "This machine: Apple M4, 4 cores",
        "  17.2 GB of memory (shared with its graphics, 11.8 free)",
    ]


@pytest.mark.parametrize(
    ("measured", "told"),
    [(0.84, "0.8"), (1, "1"), (9.4, "9"), (9.6, "10"), (14.4, "14"), (238.0, "240")],
)
def test_a_speed_has_no_more_digits_than_it_is_worth(
    measured: float, told: str
) -> None:
    assert models_table.rate(measured) == told
