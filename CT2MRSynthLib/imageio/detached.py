"""The data files that a detached header (.mhd, .nhdr) names."""

from __future__ import annotations

from pathlib import Path

DETACHED = (".mhd", ".nhdr")


def data_files(path: Path) -> list[Path]:
    """The files named by a header, whether they exist or not; none for other kinds of file.

    Numbered patterns such as ``slice%03d.raw`` are not followed.
    """
    if path.suffix.lower() not in DETACHED:
        return []
    names: list[str] = []
    listing = False
    with open(path, "rb") as file:
        text = file.read(1 << 16).decode("utf-8", "replace")
    for line in text.splitlines():
        key, separator, value = line.replace("=", ":", 1).partition(":")
        value = value.strip()
        if listing:
            names.append(line.strip())
        elif separator and key.strip().lower() in ("elementdatafile", "data file", "datafile"):
            listing = value.upper().startswith("LIST")
            if not listing and value.upper() != "LOCAL":
                names.append(value)
    return [path.parent / name for name in names if name and "%" not in name]
