"""The assembler: labels become distances, and what cannot run is refused."""

import struct

import pytest

import bpf_machine
from codex_oss.sandbox.bpf import (
    Instruction,
    assemble,
    at_least,
    equal,
    give,
    load,
    mask,
)


def test_labels_become_the_number_of_instructions_to_pass_over() -> None:
    program = assemble(
        [
            load(0),
            equal(7, yes="seven", no="big?"),
            "big?",
            mask(0xF0),
            at_least(0x20, yes="seven"),
            give(1),
            "seven",
            give(2),
        ]
    )
    assert list(struct.iter_unpack("<HBBI", program)) == [
        (0x20, 0, 0, 0),
        (0x15, 3, 0, 7),
        (0x54, 0, 0, 0xF0),
        (0x35, 1, 0, 0x20),
        (0x06, 0, 0, 1),
        (0x06, 0, 0, 2),
    ]
    said = {nr: bpf_machine.run(program, arch=0, nr=nr) for nr in (7, 8, 0x1F, 0x2F)}
    assert said == {7: 2, 8: 1, 0x1F: 1, 0x2F: 2}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "0 such instructions"),
        ([give(1), load(0)], "2 such instructions"),
        ([give(0)] * 4097, "4097 such instructions"),
        ([equal(1, yes="nowhere"), give(1)], "no label 'nowhere'"),
        (["a", "a", give(1)], "stands twice"),
        (["back", load(0), equal(1, yes="back"), give(1)], "out of reach"),
        ([equal(1, yes="far"), *[load(0)] * 256, "far", give(1)], "out of reach"),
    ],
)
def test_what_the_kernel_would_refuse_is_refused(
    lines: list[Instruction | str], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        assemble(lines)


def test_the_longest_jump_passes_over_255_instructions() -> None:
    program = assemble([equal(1, yes="far"), *[give(0)] * 255, "far", give(9)])
    assert bpf_machine.run(program, arch=0, nr=0) == 0
    assert struct.unpack_from("<HBBI", program) == (0x15, 255, 0, 1)
