"""Zip archives: opened into a temporary folder that is always removed."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from CT2MRSynthLib.errors import InputError

#: Bytes that an archive may unpack to. The largest CT, some thousand slices of 1024 x 1024, takes under 10 GB; what
#: is beyond twice that is a whole archive of cases, or made to fill the disk.
MAXIMUM_UNPACKED = 20_000_000_000


@contextmanager
def extracted(path: Path) -> Iterator[Path]:
    """A temporary folder with the content of a zip archive, removed when the block ends, however it ends.

    Args:
        path: A zip file.

    Raises:
        InputError: The archive is damaged, empty, protected by a password, unsafe, or unpacks to more than
            ``MAXIMUM_UNPACKED`` or the free space; nothing was unpacked then.
    """
    with tempfile.TemporaryDirectory(prefix="ct2mrsynth-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                for member in _checked_members(archive, path, folder):
                    archive.extract(member, folder)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise InputError(
                f"The archive '{path}' is damaged or incomplete ({error}); copy or export it again."
            ) from error
        except OSError as error:
            raise InputError(
                f"The archive '{path}' cannot be unpacked into {folder}: {error.strerror or error}."
            ) from error
        yield Path(folder)


def _checked_members(archive: zipfile.ZipFile, path: Path, folder: str) -> list[zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if not members:
        raise InputError(f"The archive '{path}' holds no files; export the CT again.")
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        # a name that leaves the folder, or a link, could read or overwrite files elsewhere
        if name.is_absolute() or ".." in name.parts or stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(
                f"The archive '{path}' holds the unsafe entry {member.filename!r}; unpack it and give the folder."
            )
        if member.flag_bits & 0x1:
            raise InputError(f"The archive '{path}' is protected by a password; unpack it and give the folder.")
    needed, free = sum(member.file_size for member in members), shutil.disk_usage(folder).free
    if needed > MAXIMUM_UNPACKED:
        raise InputError(
            f"The archive '{path}' unpacks to {needed / 1e9:.1f} GB, more than the {MAXIMUM_UNPACKED / 1e9:.0f} GB "
            "that are taken for one CT; unpack it and give the folder of the CT."
        )
    if needed > free:
        raise InputError(
            f"The archive '{path}' unpacks to {needed / 1e6:.0f} MB but only {free / 1e6:.0f} MB are free in {folder}; "
            "make room or set TMPDIR to another folder."
        )
    return members
