"""Programs for Linux's packet filter, which seccomp runs: an assembler with labels.

A program is a list of lines: instructions, and strings, which are labels of what
follows them. Only what a filter of system calls needs is here: load a word, mask it,
compare it, return. Jumps go forward only, so that every program ends.
"""

import struct
from collections.abc import Sequence

import msgspec

LONGEST_JUMP = 255
"""Instructions that a conditional jump can pass over (the field has one byte)."""
LIMIT = 4096
"""Instructions in a program (BPF_MAXINSNS)."""

# linux/bpf_common.h
LD_W_ABS, ALU_AND_K, JMP_JEQ_K, JMP_JGE_K, RET_K = 0x20, 0x54, 0x15, 0x35, 0x06

_INSTRUCTION = struct.Struct("<HBBI")


class Instruction(msgspec.Struct, frozen=True):
    """One instruction; an empty label means the next line."""

    code: int
    k: int
    yes: str = ""
    no: str = ""


def load(offset: int) -> Instruction:
    """Load the word at ``offset`` of what is filtered into the accumulator."""
    return Instruction(LD_W_ABS, offset)


def mask(bits: int) -> Instruction:
    """Keep only ``bits`` of the accumulator."""
    return Instruction(ALU_AND_K, bits)


def equal(value: int, yes: str = "", no: str = "") -> Instruction:
    """Go to ``yes`` if the accumulator is ``value``, else to ``no``."""
    return Instruction(JMP_JEQ_K, value, yes, no)


def at_least(value: int, yes: str = "", no: str = "") -> Instruction:
    """Go to ``yes`` if the accumulator, unsigned, is ``value`` or more."""
    return Instruction(JMP_JGE_K, value, yes, no)


def give(value: int) -> Instruction:
    """End with ``value``."""
    return Instruction(RET_K, value)


def assemble(lines: Sequence[Instruction | str]) -> bytes:
    """Return the program's bytes: 8 for each instruction, little endian.

    Raises ``ValueError`` for a program that the kernel would refuse, which is a bug
    of whoever wrote the lines.
    """
    labels: dict[str, int] = {}
    program: list[Instruction] = []
    for line in lines:
        if isinstance(line, Instruction):
            program.append(line)
        elif line in labels:
            raise ValueError(f"the label {line!r} stands twice")
        else:
            labels[line] = len(program)
    if not program or program[-1].code != RET_K or len(program) > LIMIT:
        raise ValueError(f"no filter has {len(program)} such instructions")
    return b"".join(
        _INSTRUCTION.pack(
            each.code, _jump(each.yes, at, labels), _jump(each.no, at, labels), each.k
        )
        for at, each in enumerate(program)
    )


def _jump(label: str, at: int, labels: dict[str, int]) -> int:
    """Return how many instructions lie between ``at`` and ``label``."""
    if not label:
        return 0
    if label not in labels:
        raise ValueError(f"there is no label {label!r}")
    distance = labels[label] - at - 1
    if not 0 <= distance <= LONGEST_JUMP:
        raise ValueError(f"the label {label!r} is out of reach of instruction {at}")
    return distance
