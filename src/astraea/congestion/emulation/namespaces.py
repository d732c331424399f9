"""Network namespaces without a name, which end with the process that holds them, and TUN devices inside.

A namespace belongs to a thread: :func:`entered` takes the calling thread there and back. Sockets made and programs
started meanwhile stay there.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from astraea.errors import RunError

__all__ = ["counters", "entered", "make_namespace", "make_tun", "route_controller", "set_up", "sysctl"]

_NEWNET = 0x40000000
_HERE = "/proc/thread-self/ns/net"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_SIFFLAGS, _SIFADDR, _SIFNETMASK, _SIFMTU, _SIFTXQLEN = 0x8914, 0x8916, 0x891C, 0x8922, 0x8943
_UP_RUNNING = 0x41
_IFLA_GSO_MAX_SEGS = 40
_RTA_DST, _RTA_OIF, _RTA_PREFSRC, _RTA_METRICS, _RTAX_CC_ALGO = 1, 4, 7, 8, 16
_DEVICE_QUEUE = 20_000  # packets that wait for the relay to read them
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def entered(namespace: int) -> Iterator[None]:
    """Take the calling thread into a ``namespace``, given by a descriptor, and back."""
    before = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _into(namespace)
        try:
            yield
        finally:
            _into(before)
    finally:
        os.close(before)


def make_namespace() -> int:
    """Return a descriptor of a new namespace, its loopback device up. It lasts while something refers to it."""
    before = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.unshare(_NEWNET):
            raise _error("no network namespace can be made")
        try:
            made = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
            with _control() as control:
                _ioctl(control, _SIFFLAGS, "lo", struct.pack("H", _UP_RUNNING))
        finally:
            _into(before)
    finally:
        os.close(before)
    return made


def make_tun(name: str) -> int:
    """Make a TUN device in the calling thread's namespace; return its descriptor, which does not block."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError as error:
        os.close(device)
        raise RunError(f"no TUN device can be made ({error.strerror}): load the module tun") from None
    return device


def set_up(name: str, address: str, mtu: int, *, bursts: bool) -> None:
    """Give the device its IPv4 ``address`` in a /16, and start it; without ``bursts``, TCP sends single packets."""
    with _control() as control:
        for request, value in ((_SIFADDR, address), (_SIFNETMASK, "255.255.0.0")):
            _ioctl(control, request, name, struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value)))
        _ioctl(control, _SIFMTU, name, struct.pack("i", mtu))
        _ioctl(control, _SIFTXQLEN, name, struct.pack("i", _DEVICE_QUEUE))
        _ioctl(control, _SIFFLAGS, name, struct.pack("H", _UP_RUNNING))
    if not bursts:
        _single_packets(name)


def sysctl(name: str, value: str) -> None:
    """Set a network setting of the calling thread's namespace, such as ``ipv4.tcp_rmem``."""
    file = Path("/proc/sys/net", *name.split("."))
    try:
        file.write_text(value, encoding="ascii")
    except OSError as error:
        raise RunError(f"{file} cannot be set to '{value}': {error.strerror}") from None


def counters(name: str) -> dict[str, int]:
    """Return how many packets the device has sent (``sent``) and had no room for (``dropped``)."""
    for line in Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines():
        device, _, numbers = line.partition(":")
        if device.strip() == name:
            fields = [int(number) for number in numbers.split()]
            return {"sent": fields[9], "dropped": fields[11]}
    raise RunError(f"the device {name} is gone")


def route_controller(name: str, address: str, controller: str) -> None:
    """Let connections over the device run under a congestion controller unless they ask for another.

    The route says so, as ``ip route ... congctl`` does: a namespace may not make its default what is restricted.
    """
    network = socket.inet_aton(address)[:2] + bytes(2)
    device = struct.pack("i", socket.if_nametoindex(name))
    algorithm = _attribute(_RTAX_CC_ALGO, controller.encode() + b"\0")
    attributes = b"".join(
        (
            _attribute(_RTA_DST, network),
            _attribute(_RTA_OIF, device),
            _attribute(_RTA_PREFSRC, socket.inet_aton(address)),
            _attribute(_RTA_METRICS, algorithm),
        )
    )
    route = struct.pack("8BI", socket.AF_INET, 16, 0, 0, 254, 2, 253, 1, 0)  # main table, by the kernel, link, unicast
    if answer := _netlink(24, 0x105, route + attributes):  # RTM_NEWROUTE, replace
        raise RunError(f"connections cannot be led to the controller '{controller}': {os.strerror(-answer)}")


def _single_packets(name: str) -> None:
    """Keep TCP from building segments of several packets for the device."""
    device = struct.pack("BxHiII", 0, 0, socket.if_nametoindex(name), 0, 0)
    if answer := _netlink(16, 0x5, device + _attribute(_IFLA_GSO_MAX_SEGS, struct.pack("I", 1))):  # RTM_NEWLINK
        raise RunError(f"segmentation offload cannot be switched off: {os.strerror(-answer)}")


def _attribute(kind: int, value: bytes) -> bytes:
    padded = -len(value) % 4
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(padded)


def _netlink(kind: int, flags: int, body: bytes) -> int:
    """Send a request to the kernel (rtnetlink) and return its answer: 0, or an error number below 0."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.bind((0, 0))
        netlink.send(struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        (answer,) = struct.unpack_from("i", netlink.recv(4096), 16)
    return int(answer)


def _into(namespace: int) -> None:
    if _libc.setns(namespace, _NEWNET):
        raise _error("the network namespace cannot be entered")


def _control() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _ioctl(control: socket.socket, request: int, name: str, value: bytes) -> None:
    fcntl.ioctl(control, request, struct.pack("16s24s", name.encode(), value))


def _error(what: str) -> RunError:
    return RunError(f"{what}: {os.strerror(ctypes.get_errno())}; it takes CAP_SYS_ADMIN, as root has")
