"""The kernel's packet filter machine, as far as seccomp programs use it.

Refuses what the kernel refuses: a jump out of the program, a load that is not one of
the call's words, an instruction it does not know.
"""

import struct

LD_W_ABS, ALU_AND_K = 0x20, 0x54
JMP_JA, JMP_JEQ_K, JMP_JGE_K, JMP_JGT_K, JMP_JSET_K = 0x05, 0x15, 0x35, 0x25, 0x45
RET_K = 0x06
SIZE = 8


def run(program: bytes, *, arch: int, nr: int, args: tuple[int, ...] = ()) -> int:
    """Return what the program says of one system call."""
    values = (*args, *(0,) * 6)[:6]
    data = struct.pack("<iIQ6Q", _signed(nr), arch, 0, *values)
    instructions = list(struct.iter_unpack("<HBBI", program))
    check(instructions)
    accumulator = at = 0
    while True:
        code, yes, no, k = instructions[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x54:
                accumulator &= k
            case 0x05:
                at += k
            case 0x15:
                at += yes if accumulator == k else no
            case 0x35:
                at += yes if accumulator >= k else no
            case 0x25:
                at += yes if accumulator > k else no
            case 0x45:
                at += yes if accumulator & k else no
            case _:
                return k


def check(instructions: list[tuple[int, int, int, int]]) -> None:
    """Raise ``AssertionError`` for a program that the kernel would not take."""
    assert 0 < len(instructions) <= 4096
    assert instructions[-1][0] == RET_K
    for at, (code, yes, no, k) in enumerate(instructions):
        match code:
            case 0x20:
                assert k % 4 == 0
                assert 0 <= k < 64
            case 0x05:
                assert at + 1 + k < len(instructions)
            case 0x15 | 0x35 | 0x25 | 0x45:
                assert at + 1 + max(yes, no) < len(instructions)
            case _:
                assert code in {ALU_AND_K, RET_K}


def _signed(number: int) -> int:
    return (number & 0xFFFFFFFF) - (1 << 32 if number & 0x80000000 else 0)
