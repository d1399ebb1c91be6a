"""Protects Python's singletons from PySide6 on Python before 3.12."""

from __future__ import annotations

import ctypes
import sys


def keep() -> None:
    """Give None, True and False more references than can be lost.

    PySide6 6.12 counts on them being immortal, as they are from Python 3.12 on; before, every call of one of its
    functions loses a reference, and after some ten thousand the interpreter aborts.
    """
    if sys.version_info < (3, 12):
        for one in (None, True, False, Ellipsis, NotImplemented):
            ctypes.c_ssize_t.from_address(id(one)).value += 1 << 30
