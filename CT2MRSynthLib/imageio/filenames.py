"""File names that SimpleITK can take."""

from __future__ import annotations

from pathlib import Path

from CT2MRSynthLib.errors import CT2MRSynthError, InputError


def check_name(path: Path, error: type[CT2MRSynthError] = InputError) -> None:
    """Refuse a path that is no valid Unicode or holds a zero byte: given such a one, SimpleITK ends the whole process.

    Args:
        path: The path.
        error: What to raise.

    Raises:
        InputError: Or ``error``: no system and library take this path.
    """
    try:
        valid = b"\0" not in str(path).encode("utf-8")
    except UnicodeEncodeError:
        valid = False
    if not valid:
        shown = str(path).encode("utf-8", "replace").decode().replace("\0", "?")
        raise error(f"The path '{shown}' holds characters that are no valid Unicode; rename it.")
