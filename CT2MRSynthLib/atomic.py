"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from CT2MRSynthLib.errors import OutputError

#: Seconds between tries to take the place of a file that somebody reads at this moment, which Windows forbids.
TRIES = (0.02, 0.1, 0.3) if os.name == "nt" else ()


@contextmanager
def replacing(path: str | Path, suffix: str = "") -> Iterator[Path]:
    """Give a temporary name beside ``path``; when the block ends well, rename it to ``path``, otherwise remove it.

    Args:
        path: Where the file shall be. Its folder is made if need be.
        suffix: Ending of the temporary name, for writers that choose the format by it. Default: that of ``path``.

    Raises:
        OutputError: The folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=suffix or "".join(path.suffixes[-2:]), dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path.name} in {path.parent}: {error.strerror or error}; choose another folder."
        ) from None
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        _replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path}: {error.strerror or error}; free some space or choose another folder."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def _replace(temporary: Path, path: Path) -> None:
    for seconds in TRIES:
        try:
            return os.replace(temporary, path)
        except PermissionError:
            time.sleep(seconds)
    os.replace(temporary, path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
