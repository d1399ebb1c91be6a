"""The three files of one box on disk: whole and vouched for, or not there.

The sidecar (JSON) comes last and holds the SHA-256 of the other two and the request they answer, so that a later run
can decide whether anything is left to do.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from CT2MRSynthLib.errors import OutputError
from CT2MRSynthLib.provenance import to_json

#: Written to a new folder and removed again: a full disk is found before the work, not after it.
PROBE_BYTES = 1 << 18


@dataclass(frozen=True)
class ResultFiles:
    """Where the result of one box goes.

    Args:
        folder: Output folder.
        stem: ``<ct>_<level>``, unique in it.
    """

    folder: Path
    stem: str

    @property
    def volume(self) -> Path:
        """The synthetic volume."""
        return self.folder / f"{self.stem}_sMRT2.nrrd"

    @property
    def picture(self) -> Path:
        """CT and synthetic slice side by side."""
        return self.folder / f"{self.stem}_sMRT2.png"

    @property
    def sidecar(self) -> Path:
        """How it was made."""
        return self.folder / f"{self.stem}_sMRT2.json"

    @property
    def staging(self) -> Path:
        """Where this process keeps them before all three are whole."""
        return self.folder / f".{self.stem}_sMRT2.{os.getpid()}.part"

    def remove_abandoned(self) -> None:
        """Remove what a killed process left before its three files were whole, but nothing of one that still runs."""
        for path in self.folder.glob(f".{glob.escape(self.stem)}_sMRT2.*.part"):
            if not _runs(path.name.split(".")[-2]):
                shutil.rmtree(path, ignore_errors=True)

    def names(self) -> dict[str, str]:
        """File names."""
        return {"volume": self.volume.name, "picture": self.picture.name, "sidecar": self.sidecar.name}

    def paths(self) -> dict[str, str]:
        """Paths, under the folder as it was given."""
        return {"volume": str(self.volume), "picture": str(self.picture), "sidecar": str(self.sidecar)}


def find_complete(files: ResultFiles, request: dict) -> tuple[dict | None, str]:
    """The record of a result that answers ``request`` and is whole; otherwise None and why it has to be made.

    Args:
        files: Where it would be.
        request: All that the result depends on, ready for JSON.
    """
    files.remove_abandoned()
    try:
        found = json.loads(files.sidecar.read_text(encoding="utf-8"))
        asked, hashes = found["request"], found["files"]
        kept = {name: hashes[name]["sha256"] for name in ("volume", "picture")}
    except FileNotFoundError:
        return None, "new"
    except (OSError, ValueError, KeyError, TypeError):
        return None, "the sidecar could not be read"
    wanted = json.loads(json.dumps(request))
    other = [key for key in wanted if not isinstance(asked, dict) or asked.get(key) != wanted[key]]
    if other:
        return None, f"another {', another '.join(key.replace('_', ' ') for key in other)}"
    for path, name in ((files.volume, "volume"), (files.picture, "picture")):
        if not path.is_file() or file_sha256(path) != kept[name]:
            return None, f"the {name} was altered or is missing"
    return found, "complete"


def write_result(
    files: ResultFiles,
    record: dict,
    request: dict,
    write_volume: Callable[[Path], object],
    write_picture: Callable[[Path], object],
) -> None:
    """Write volume, picture and sidecar; when one of them fails, none is left, and an older result stays as it was.

    Args:
        files: Where.
        record: From ``provenance.record``; the sidecar gets it with ``request`` and the hashes.
        request: All that the result depends on.
        write_volume: Writes the volume to a path.
        write_picture: Writes the picture to a path.

    Raises:
        OutputError: The folder cannot be written or is full.
    """
    staged = ResultFiles(files.staging, files.stem)
    placed: list[Path] = []
    shutil.rmtree(staged.folder, ignore_errors=True)
    try:
        staged.folder.mkdir(parents=True)
        write_volume(staged.volume)
        write_picture(staged.picture)
        hashes = {
            name: {"name": path.name, "sha256": file_sha256(path), "bytes": path.stat().st_size}
            for name, path in (("volume", staged.volume), ("picture", staged.picture))
        }
        content = {**record, "files": hashes, "request": request}
        staged.sidecar.write_text(to_json(content), encoding="utf-8")
        files.sidecar.unlink(missing_ok=True)  # from here to the last line the result counts as incomplete
        for name in ("volume", "picture", "sidecar"):
            target = getattr(files, name)
            placed.append(target)
            os.replace(getattr(staged, name), target)
    except BaseException as error:
        for path in placed:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(files.folder, error) from error
        raise
    finally:
        shutil.rmtree(staged.folder, ignore_errors=True)


def prepare_folder(folder: Path) -> None:
    """Make the output folder and try to write in it, before any work is done for it.

    Raises:
        OutputError: It cannot be made or written, or there is no room.
    """
    probe = Path(folder) / f".ct2mrsynth-{os.getpid()}"
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        try:
            with probe.open("wb") as stream:
                stream.write(b"\0" * PROBE_BYTES)
                stream.flush()
                os.fsync(stream.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(folder: Path, error: OSError) -> OutputError:
    """The sentence for a folder that takes no files."""
    return OutputError(
        f"The output folder {str(folder)!r} cannot be written: {error.strerror or error}; "
        "choose another with --out, or make room and check its rights."
    )


def _runs(number: str) -> bool:
    """Whether the process of that number runs on this machine; on Windows asking would end it, so there: yes."""
    if not number.isdigit() or int(number) == os.getpid():
        return False
    if os.name != "posix":
        return True
    try:
        os.kill(int(number), 0)
    except PermissionError:  # another user's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
