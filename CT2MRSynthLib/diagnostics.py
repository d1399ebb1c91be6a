"""What somebody who helps needs to know of an installation and a failure, and nothing about users and patients."""

from __future__ import annotations

import getpass
import os
import platform
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from CT2MRSynthLib import __version__
from CT2MRSynthLib.levels import LEVELS

PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "pydicom")

#: Folders whose names say nothing about a user, kept so that a path is still a hint.
KEPT_PARTS = 2

#: An absolute path, with spaces in its folders; quotes and signs that no folder may hold end it.
_FOLDER = r"[\\/][^\\/\n\"'<>|:*?]+"
_PATH = re.compile(rf"(?<![\w.])(?:[A-Za-z]:|~|<temp>)?(?:{_FOLDER})+[\\/][^\\/\s\"'<>|:*?]+")


def describe(
    application: Mapping[str, str],
    model: Mapping[str, str],
    device: str,
    error: str = "",
    log: str = "",
    private: Sequence[str] = (),
) -> str:
    """A text to copy into a message.

    Args:
        application: Names and values of what is known of the application, such as its version.
        model: The same of the model: name, version, SHA-256.
        device: Where it ran or shall run, in words.
        error: What the user was told.
        log: Last lines of the worker's log.
        private: Names of volumes and boxes, which may be those of patients; they are left out of error and log.
    """
    lines = [f"CT2MRSynth {__version__}"]
    lines += [f"{name}: {value}" for name, value in {**application, **versions(), **model}.items() if value]
    lines.append(f"Device: {device}")
    for title, text in (("Error", error), ("Log", log)):
        if text.strip():
            lines += ["", f"{title}:", scrub(text.strip(), private)]
    return scrub("\n".join(lines)) + "\n"


def versions() -> dict[str, str]:
    """Versions of Python, the system and the packages that compute; nothing is imported for it."""
    found = {"Python": ".".join(str(part) for part in sys.version_info[:3])}
    found["System"] = f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} CPUs"
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def scrub(text: str, private: Sequence[str] = ()) -> str:
    """``text`` without names of people: no folders but the last two of a path, no user name, nothing ``private``."""
    for name in sorted({name for name in private if len(name) > 2 and name not in LEVELS}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<name>", text)
    folders = {str(Path.home()): "~", tempfile.gettempdir(): "<temp>"}
    for folder, sign in folders.items():
        if len(folder) > 3:
            text = text.replace(folder, sign)
    text = re.sub(
        r"(?<![\w.])(?:[A-Za-z]:|~|<temp>)?(?:[\\/][^\\/\n\"'<>|:*?]+)+[\\/][^\\/\s\"'<>|:*?]+", _shortened, text
    )
    user = _user()
    if len(user) > 2 and user != "root":
        text = re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", "<user>", text)
    return text


def _shortened(path: re.Match) -> str:
    parts = [part for part in re.split(r"[\\/]", path.group()) if part]
    return "/".join(["...", *parts[-KEPT_PARTS:]]) if len(parts) > KEPT_PARTS else path.group()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this user; Windows without the variables
        return ""
