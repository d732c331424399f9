"""Where cellular traces come from: a folder of data that holds mahimahi's, packed or unpacked."""

from __future__ import annotations

import lzma
import shutil
import tarfile
from pathlib import Path

from astraea.errors import DataError
from astraea.files import new_folder

__all__ = ["find_traces"]

_FOLDER = Path("network-traces") / "mahimahi"
_UNPACKED_BYTES = 1 << 30


def find_traces(data: Path | None, unpack_to: Path) -> tuple[Path, ...]:
    """Return the traces ``*.up`` and ``*.down`` in ``network-traces/mahimahi`` below ``data``, in order of name.

    Where there is only ``network-traces/mahimahi.tar.xz``, it is unpacked into the folder ``unpack_to`` first; where
    there is neither, or no ``data``, there are no traces. Raises :class:`DataError` for an archive that is corrupt, and
    for a folder beside an archive that holds more or other than it, as an unpacking leaves that was stopped.
    """
    if data is None:
        return ()
    folder, archive = data / _FOLDER, data / _FOLDER.with_suffix(".tar.xz")
    if folder.is_dir() and archive.is_file():
        _check_whole(archive, folder)
    elif archive.is_file():
        folder = unpack_to / _FOLDER.name
        if not folder.is_dir():
            _unpack(archive, folder)
    return tuple(sorted(path for path in folder.glob("*") if path.suffix in (".up", ".down")))


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as packed, new_folder(folder) as partial:
            size = 0
            for member in packed:
                size += member.size
                if size > _UNPACKED_BYTES:
                    raise DataError(f"{archive} holds more than {_UNPACKED_BYTES >> 20} MiB: it is not mahimahi's")
                stream = packed.extractfile(member)  # none of what is no file; extract() has no filter before 3.11.4
                if stream is not None:
                    with stream, (partial / Path(member.name).name).open("wb") as file:
                        shutil.copyfileobj(stream, file)
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise DataError(f"{archive} cannot be unpacked ({error}): fetch it again") from error


def _check_whole(archive: Path, folder: Path) -> None:
    """Raise unless the folder has all that the archive holds, by name and size."""
    try:
        with tarfile.open(archive) as packed:
            sizes = {Path(member.name).name: member.size for member in packed if member.isfile()}
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError):
        return  # the folder is all there is
    for name, size in sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            raise DataError(
                f"{file} is not as {archive.name} beside it has it, so the folder may be half unpacked: unpack it "
                "again, or remove the folder or the archive"
            )
