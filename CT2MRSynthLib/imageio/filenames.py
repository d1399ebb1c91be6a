"""File names that SimpleITK can take."""

from __future__ import annotations

from pathlib import Path

from CT2MRSynthLib.errors import CT2MRSynthError, InputError


def check_name(path: Path, error: type[CT2MRSynthError] = InputError) -> None:
    """Refuse a path that is no valid Unicode: given such a one, SimpleITK ends the whole process.

    Args:
        path: The path.
        error: What to raise.

    Raises:
        InputError: Or ``error``: the path cannot be written in UTF-8.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        shown = str(path).encode("utf-8", "replace").decode()
        raise error(f"The path '{shown}' holds characters that are no valid Unicode; rename it.") from None
