"""A hash of what was read, so that a run can tell whether its input changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio.detached import data_files
from CT2MRSynthLib.imageio.filenames import check_name


def hash_input(path: str | Path) -> str:
    """SHA-256 of an input's content, in hex.

    Of a file: of its bytes (and of the data file that an .mhd or .nhdr header names). Of a folder: of the names below
    it and their bytes, in sorted order, wherever the folder lies.

    Raises:
        InputError: The path does not exist, is neither file nor folder, or cannot be read.
    """
    path = Path(path).expanduser()
    check_name(path)
    digest = hashlib.sha256()
    try:
        if path.exists() and not path.is_dir() and not path.is_file():  # a pipe or a device might never end
            raise InputError(f"'{path}' is neither a file nor a folder; give the CT itself.")
        if path.is_dir():
            for file in sorted(_files(path), key=lambda file: file.relative_to(path).as_posix()):
                _add_named(digest, file.relative_to(path).as_posix(), file)
        else:
            _add(digest, path)
            for file in data_files(path):
                _add_named(digest, file.name, file)
    except FileNotFoundError as error:
        raise InputError(f"There is no file or folder '{error.filename or path}'; check the path.") from error
    except OSError as error:
        raise InputError(f"'{error.filename or path}' cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()


def _files(folder: Path):
    for root, _, names in os.walk(folder):
        # a dangling link is an error to the reader of it; a pipe or a socket is no part of a CT
        yield from (path for path in (Path(root, name) for name in names) if path.is_file() or not path.exists())


def _add_named(digest, name: str, file: Path) -> None:
    # name and size in front, so that no two different folders give one stream of bytes
    digest.update(f"{name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
    _add(digest, file)


def _add(digest, file: Path) -> None:
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
