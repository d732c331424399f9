import socket

import numpy as np
import pytest

from astraea.congestion.emulation.outcome import outcome
from astraea.congestion.emulation.senders import Sending
from astraea.congestion.emulation.tcp_info import TcpInfo, tcp_info
from astraea.congestion.emulation.wire import Report
from astraea.congestion.emulation.worlds import kernel_world


def _info(packets: int, rtt_ms: int, resent: int = 0) -> TcpInfo:
    return TcpInfo(
        mss=1000, unacked=3, rtt_us=rtt_ms * 1000, cwnd=7, resent=resent, pacing_rate=(1 << 64) - 1,
        bytes_acked=packets * 1000, min_rtt_us=20_000, segments_out=packets + resent, busy_us=1, window_limited_us=0,
        buffer_limited_us=0, delivered=packets,
    )  # fmt: skip


def test_samples_become_series_on_an_even_grid() -> None:
    world, _ = kernel_world(["reno"], capacity_mbps=10, rtt_ms=20, duration_s=0.4)
    with socket.socket() as unused:
        one = Sending(world.flows[0], "reno", unused)
        one.times_s = [0.0, 0.15, 0.45]
        one.infos = [_info(0, 0), _info(30, 24), _info(90, 30, resent=6)]
        zeros = np.zeros(2, np.int64)
        report = Report(0, zeros, zeros + 1, zeros + 2, zeros, np.arange(4.0), 0.5, 0, 0, 0, True, None)
        seen = outcome(world, [one], report)
    # 30 packets in the first 150 ms are 20 in 100 ms; then 60 in 300 ms; a packet is 12,000 bits on the wire
    np.testing.assert_allclose(seen.goodput_mbps[0], [2.4, 2.4, 2.4, 2.4])
    np.testing.assert_allclose(seen.times_s, [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(seen.rtt_ms[0], [np.nan, 25, 27, 29])
    np.testing.assert_allclose(seen.loss[0], [0, 1 / 21, 2 / 22, 2 / 22])
    assert seen.pacing_mbps.tolist() == [[0, 0, 0, 0]]
    assert (seen.goodput[0], seen.sent[0], seen.resent[0], seen.link_dropped[0]) == (90, 96, 6, 6)


def test_what_the_kernel_says_of_a_connection() -> None:
    try:
        listener = socket.create_server(("127.0.0.1", 0))
    except OSError as error:
        pytest.skip(f"no loopback: {error}")
    with listener, socket.create_connection(listener.getsockname()) as source, listener.accept()[0] as sink:
        source.sendall(bytes(5000))
        assert len(sink.recv(5000, socket.MSG_WAITALL)) == 5000
        source.shutdown(socket.SHUT_WR)
        seen = tcp_info(source)
        for _ in range(1000):
            seen = tcp_info(source)
            if seen.bytes_acked >= 5000:
                break
        assert seen.bytes_acked in (5000, 5001)  # the end counts as a byte
        assert seen.mss > 500
        assert seen.cwnd >= 1
        assert 0 < seen.min_rtt_us <= 10_000_000
        assert seen.segments_out >= 1
        assert seen.resent == 0
