"""Attacks on the network and on servers of the host that listen at sockets."""

import array
import ctypes
import os
import socket

from attack.kit import Ground, call

_LIMIT_S = 20.0
_IPPROTO_MPTCP, _NETFILTER = 262, 12
# Not every Python has names for these.
_AF_PACKET, _AF_BLUETOOTH, _AF_ALG, _AF_VSOCK = 17, 31, 38, 40


def connect_by_tcp(g: Ground) -> None:
    _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", g.tcp))


def connect_by_tcp_over_ipv6(g: Ground) -> None:
    _connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", g.tcp6))


def connect_by_multipath_tcp(g: Ground) -> None:
    _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", g.tcp), _IPPROTO_MPTCP)


def send_with_the_tcp_handshake(g: Ground) -> None:
    with socket.socket() as fast:  # no time limit, which would not wait at all
        fast.sendto(b"attack", socket.MSG_FASTOPEN, ("127.0.0.1", g.tcp))


def ask_by_udp(g: Ground) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_LIMIT_S)
        asking.connect(("127.0.0.1", g.udp))  # so that nobody there is an error
        asking.send(b"attack")
        asking.recv(16)


def open_a_packet_socket(_: Ground) -> None:
    _open(_AF_PACKET, socket.SOCK_RAW)


def open_a_raw_socket(_: Ground) -> None:
    _open(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def open_a_vsock(_: Ground) -> None:
    _open(_AF_VSOCK, socket.SOCK_STREAM)


def open_a_bluetooth_socket(_: Ground) -> None:
    _open(_AF_BLUETOOTH, socket.SOCK_RAW, 1)


def open_a_crypto_socket(_: Ground) -> None:
    _open(_AF_ALG, socket.SOCK_SEQPACKET)


def open_a_netfilter_socket(_: Ground) -> None:
    _open(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)


def connect_to_a_unix_socket(g: Ground) -> None:
    _connect(socket.AF_UNIX, socket.SOCK_STREAM, f"{g.sockets}/stream")


def connect_to_a_unix_packet_socket(g: Ground) -> None:
    _connect(socket.AF_UNIX, socket.SOCK_SEQPACKET, f"{g.sockets}/seqpacket")


def connect_to_an_abstract_socket(g: Ground) -> None:
    _connect(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{g.abstract}")


def send_to_an_abstract_socket(g: Ground) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.sendto(b"attack", f"\0{g.abstract}-d")


def send_to_a_unix_socket(g: Ground) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.sendto(b"attack", f"{g.sockets}/datagram")


def send_a_message_to_a_unix_socket(g: Ground) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.sendmsg([b"attack"], [], 0, f"{g.sockets}/datagram")


def send_from_a_pair_to_a_unix_socket(g: Ground) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.sendmsg([b"attack"], [], 0, f"{g.sockets}/datagram")


def send_from_a_raw_pair_to_a_unix_socket(g: Ground) -> None:
    # Linux turns SOCK_RAW of this family into SOCK_DGRAM.
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)
    with one, other:
        one.sendmsg([b"attack"], [], 0, f"{g.sockets}/datagram")


def connect_a_pair_to_a_unix_socket(g: Ground) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.connect(f"{g.sockets}/datagram")
        one.send(b"attack")


def receive_a_descriptor_from_the_host(g: Ground) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_LIMIT_S)
        asking.connect(f"{g.sockets}/stream")
        _, ancillary, _, _ = asking.recvmsg(16, socket.CMSG_SPACE(4))
    fds = array.array("i")
    fds.frombytes(ancillary[0][2][:4])
    os.write(fds[0], b"attacked\n")


def use_io_uring(_: Ground) -> None:
    call("io_uring_setup", 1, ctypes.create_string_buffer(120))


def _connect(
    family: int, kind: int, address: tuple[str, int] | str, protocol: int = 0
) -> None:
    with socket.socket(family, kind, protocol) as connecting:
        connecting.settimeout(_LIMIT_S)
        connecting.connect(address)


def _open(family: int, kind: int, protocol: int = 0) -> None:
    socket.socket(family, kind, protocol).close()
