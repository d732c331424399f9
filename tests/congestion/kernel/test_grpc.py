"""A gRPC client, of which Flower's are made, runs under the policy where it is the default, and knows nothing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from astraea.congestion.kernel import loaded

NAME = f"test_{os.getpid()}_g"
UPLOAD = """
import subprocess, threading
from concurrent.futures import ThreadPoolExecutor
import grpc

def keep(request, context):
    return str(len(request)).encode()

handler = grpc.unary_unary_rpc_method_handler(keep)
service = grpc.method_handlers_generic_handler("s", {"put": handler})
server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
server.add_generic_rpc_handlers((service,))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    size = channel.unary_unary("/s/put")(bytes(8 << 20))
    shown = subprocess.run(["ss", "-tin", f"dport = :{port}"], capture_output=True, text=True).stdout
print(size.decode())
print(shown)
server.stop(None).wait()
"""


@pytest.mark.usefixtures("kernel")
def test_a_grpc_client_is_under_it_by_default() -> None:
    pytest.importorskip("grpc", reason="needs the extra astraea[flower]")
    if shutil.which("ss") is None:
        pytest.skip("needs iproute2: apt install iproute2")
    with loaded(NAME):
        inside = 'ip link set lo up; echo "$1" > /proc/sys/net/ipv4/tcp_congestion_control; exec "$2" -c "$3"'
        command = ["unshare", "-n", "sh", "-c", inside, "sh", NAME, sys.executable, UPLOAD]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    size, *shown = done.stdout.splitlines()
    assert size == str(8 << 20)
    assert any(line.split()[:1] == [NAME] for line in shown), done.stdout
