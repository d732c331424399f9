import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from folders import write_run

from astraea.errors import InputError
from astraea.report.page.serve import served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    with served(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def get(port: int, path: str, host: str = "localhost") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_it_waits_for_the_first_round_and_then_shows_it(
    folder: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("astraea.report.page.serve._SHARE", 1e9)  # no rest between two pages
    status, text = get(port, "/")
    assert (status, "Nothing to show yet" in text) == (200, True)
    assert get(port, "/stamp") == (200, "nothing")

    write_run(folder, [0.5], finished=False)

    stamp = get(port, "/stamp")[1]
    assert stamp != "nothing"
    text = get(port, "/")[1]
    assert "astraea on pets" in text
    assert f'data-live="{stamp}"' in text  # the page knows what it shows


def test_it_answers_nothing_else(port: int) -> None:
    assert get(port, "/summary.json")[0] == 404
    assert get(port, "/", host="rebound.example")[0] == 403


def test_a_taken_port_is_named(port: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"port {port} cannot be served on"), served(tmp_path, port):
        pass
