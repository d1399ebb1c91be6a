"""Reading a text file that grows, piece by piece."""

from __future__ import annotations

import os
from pathlib import Path


class Tail:
    """What is new in a file since the last look.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._identity: int | None = None
        self._offset = 0

    def read(self) -> tuple[list[str], bool]:
        """The whole lines that are new, and whether they begin anew.

        A file that was replaced, cut or removed is read from its beginning: what was read before no longer holds. One
        that cannot be read at this moment (a network drive that is gone) has nothing new.
        """
        try:
            with open(self._path, "rb") as file:
                about = os.fstat(file.fileno())
                anew = self._offset > 0 and (about.st_ino != self._identity or about.st_size < self._offset)
                if anew:
                    self._offset = 0
                self._identity = about.st_ino
                file.seek(self._offset)
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            anew, self._offset = self._offset > 0, 0
            return [], anew
        except OSError:
            return [], False
        content = content[: content.rfind(b"\n") + 1]
        self._offset += len(content)
        return content.decode("utf-8", "replace").replace("\0", "").splitlines(), anew
