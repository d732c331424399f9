from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from astraea.data.files import Finder, Remote, corrupt, data_root
from astraea.errors import DataError

CONTENT = b"a small file of data\n" * 5000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/cut":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(2 * len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)  # and the connection closes half way
        return None


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on this machine that publishes file.bin; yields its address."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "file.bin").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_file_is_found_in_the_folder_of_its_dataset_before_the_data_folder(tmp_path: Path) -> None:
    files = Finder("digits", tmp_path)
    assert files.find("a") is None
    (tmp_path / "a").touch()
    assert files.find("a") == tmp_path / "a"
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "a").touch()
    assert files.find("a") == tmp_path / "digits" / "a"
    assert files.find("b", "a") == tmp_path / "digits" / "a"


def test_data_root_prefers_the_argument_then_the_environment_then_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASTRAEA_DATA", str(tmp_path / "env"))
    assert data_root(tmp_path / "given") == tmp_path / "given"
    assert data_root(None) == tmp_path / "env"
    monkeypatch.delenv("ASTRAEA_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "astraea" in data_root(None).parts
    assert data_root(Path("~/x")) == Path.home() / "x"


@pytest.mark.parametrize("algorithm", ["sha256", "md5", None])
def test_a_missing_file_is_fetched_whole(publisher: str, tmp_path: Path, algorithm: str | None) -> None:
    checksum = algorithm and f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"
    path = Finder("set", tmp_path).get(Remote("file.bin", f"{publisher}/file.bin", checksum))
    assert path == tmp_path / "set" / "file.bin"
    assert path.read_bytes() == CONTENT


def test_fetching_shows_its_progress_on_standard_error(
    publisher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Finder("set", tmp_path).get(Remote("file.bin", f"{publisher}/file.bin"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Fetching file.bin" in shown.err
    assert "105.0 kB of 105.0 kB" in shown.err


def test_a_file_that_lies_there_is_not_fetched_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"recompressed by the user")
    nowhere = Remote("file.bin", "http://127.0.0.1:1/file.bin", "md5:" + "0" * 32)
    assert Finder("set", tmp_path).get(nowhere, "mine") == tmp_path / "mine"


def test_a_wrong_checksum_leaves_no_file_behind(publisher: str, tmp_path: Path) -> None:
    remote = Remote("file.bin", f"{publisher}/file.bin", "sha256:" + "0" * 64)
    with pytest.raises(DataError, match=r"does not have the checksum sha256:000.*try again, or put a good file at"):
        Finder("set", tmp_path).get(remote)
    assert list((tmp_path / "set").iterdir()) == []


def test_a_connection_that_breaks_off_leaves_no_file_behind(publisher: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be fetched"):
        Finder("set", tmp_path).get(Remote("file.bin", f"{publisher}/cut"))
    assert list((tmp_path / "set").iterdir()) == []


def test_a_refused_connection_says_which_file_to_put_where(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{_free_port()}/file.bin"
    with pytest.raises(DataError) as caught:
        Finder("set", tmp_path).get(Remote("file.bin", url))
    assert str(caught.value) == (
        f"{tmp_path}/set/file.bin is missing and cannot be fetched (ConnectionError): "
        f"check the network, or put the file from {url} there yourself"
    )


def test_a_file_that_the_publisher_no_longer_has_names_the_status(publisher: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be fetched \(HTTP status 404\)"):
        Finder("set", tmp_path).get(Remote("gone.bin", f"{publisher}/gone.bin"))


def test_without_leave_to_download_the_publisher_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"set/file.bin is missing and downloading is off: put the file from http://x"):
        Finder("set", tmp_path, download=False).get(Remote("file.bin", "http://x/file.bin"))


def test_a_folder_that_cannot_be_written_is_named(publisher: str, tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot write .*set/file.bin.*choose a data folder that is writable"):
        Finder("set", tmp_path).get(Remote("file.bin", f"{publisher}/file.bin"))


def test_a_path_of_the_user_is_taken_as_it_reads_or_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "a.npz").touch()
    files = Finder("npz", tmp_path)
    assert files.given("a.npz") == tmp_path / "a.npz"
    assert files.given(tmp_path / "a.npz") == tmp_path / "a.npz"
    with pytest.raises(DataError, match=r"'b.npz' is neither here nor in "):
        files.given("b.npz")


def test_an_error_on_a_file_is_one_line() -> None:
    assert str(corrupt("f", "first\nsecond")) == "f cannot be used (first): replace it with a good copy"
    assert "(EOFError)" in str(corrupt("f", EOFError()))
