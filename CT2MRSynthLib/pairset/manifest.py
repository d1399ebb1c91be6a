"""The manifest of a pair set: ``manifest.json``, which lists the pairs, what is known of them, and who goes where.

========== ============================================================================================================
key        content
========== ============================================================================================================
schema     1
kind       "CT2MRSynth pair set"
software   name and version of what wrote it
simulated  true where no patient was imaged
made_by    the command and what it was asked for; the same command on the same folder goes on where it was ended
pairs      a list of pairs, patient by patient
outdated   identifiers of pairs that an earlier run left, as long as the present one has not come to them
former     pairs that are gone, but on which a reviewer decided: the decision holds again where they come back
========== ============================================================================================================

A pair has ``id``; ``patient``, a study code, never a name; ``level``, the disc, or another name of the slice;
``sequence`` of the MR; ``files``, by image "ct" and "mr" a ``path`` below the folder (with /) and its ``sha256``,
empty where no images could be made of an excluded pair; ``geometry`` of both images, null where there are none:
``size`` in voxels, ``spacing_mm`` and ``ijk_to_ras``, the 4x4 matrix from voxel index to RAS mm; ``decision``:
``status`` (accepted, rejected or excluded), ``reason`` of the checks, ``reviewer`` and ``note`` where a human decided;
``split``: training, validation, test or null; and ``details``, what its maker knows beyond that.

Details of a simulated pair are its settings, severities and misalignment, those of a curated pair ``sources`` (SHA-256
by ct, mr, markups), ``registration`` (numbers), ``checks`` (a list of ``name``, ``value``, ``limit``, ``unit``,
``passed``), ``grey_mapping``, ``plane``, ``days_apart``, ``warnings``; and ``decided_on_other_images``, true where the
images have changed since a reviewer decided.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath

from CT2MRSynthLib import __version__
from CT2MRSynthLib.atomic import replacing
from CT2MRSynthLib.errors import InputError

SCHEMA = 1
KIND = "CT2MRSynth pair set"
MANIFEST = "manifest.json"
IMAGES = ("ct", "mr")
ACCEPTED, REJECTED, EXCLUDED = STATUSES = ("accepted", "rejected", "excluded")
#: Key of the details of a pair on whose images, as they are now, nobody has decided.
OTHER_IMAGES = "decided_on_other_images"
TRAINING, VALIDATION, TEST = SPLITS = ("training", "validation", "test")


@dataclass(frozen=True)
class ImageFile:
    """A file of a pair: its path below the folder, with /, and the SHA-256 of its bytes in hex."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Decision:
    """Whether a pair is used: accepted, rejected (by ``reviewer``) or excluded (by a check, for a ``reason``)."""

    status: str = ACCEPTED
    reason: str = ""
    reviewer: str = ""
    note: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether a human decided, not a check."""
        return bool(self.reviewer)


@dataclass(frozen=True)
class Geometry:
    """Where both images lie: voxels along i, j, k; their distances in mm; 4x4 matrix from voxel index to RAS mm."""

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    ijk_to_ras: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class PairEntry:
    """One pair of the manifest; see the module for what the fields hold."""

    id: str
    patient: str
    level: str
    sequence: str
    files: dict[str, ImageFile]
    geometry: Geometry | None = None
    decision: Decision = field(default_factory=Decision)
    split: str | None = None
    details: dict = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether it may be used."""
        return self.decision.status == ACCEPTED

    @property
    def extent(self) -> tuple[float, ...]:
        """Edge lengths of the images in mm along i, j, k.

        Raises:
            InputError: The pair has no images.
        """
        if self.geometry is None:
            raise InputError(f"The pair {self.id} has no images: {self.decision.reason or 'none could be made'}.")
        return tuple(n * edge for n, edge in zip(self.geometry.size, self.geometry.spacing_mm, strict=True))

    @classmethod
    def from_json(cls, content: dict) -> PairEntry:
        """The pair that ``to_json`` described.

        Raises:
            KeyError, TypeError, ValueError: It does not describe one.
        """
        if content["files"] and sorted(content["files"]) != sorted(IMAGES):
            raise ValueError(f"its files are {sorted(content['files'])}")
        entry = cls(
            id=str(content["id"]),
            patient=str(content["patient"]),
            level=str(content["level"]),
            sequence=str(content["sequence"]),
            files={name: ImageFile(_below(one["path"]), str(one["sha256"])) for name, one in content["files"].items()},
            geometry=_geometry(content["geometry"]) if content["files"] else None,
            decision=Decision(**content["decision"]),
            split=content.get("split"),
            details=dict(content.get("details") or {}),
        )
        if entry.decision.status not in STATUSES:
            raise ValueError(f"its decision is {entry.decision.status!r}")
        if entry.split not in (None, *SPLITS):
            raise ValueError(f"its split is {entry.split!r}")
        if entry.accepted and not entry.files:
            raise ValueError("it is accepted without images")
        return entry

    def to_json(self) -> dict:
        """Plain content for JSON."""
        # asdict copies all that lies below, which takes seconds where there are thousands of pairs
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        content["files"] = {name: dict(vars(file)) for name, file in self.files.items()}
        content["geometry"] = dict(vars(self.geometry)) if self.geometry else None
        return content | {"decision": dict(vars(self.decision))}


@dataclass(frozen=True)
class PairSet:
    """What a manifest says."""

    pairs: tuple[PairEntry, ...] = ()
    made_by: dict = field(default_factory=dict)
    simulated: bool = False
    outdated: tuple[str, ...] = ()
    former: tuple[PairEntry, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write the manifest into a folder, whole or not at all; one pair a line, so that differences can be read."""
        head = {
            "schema": SCHEMA,
            "kind": KIND,
            "software": {"name": "CT2MRSynth", "version": __version__},
            "simulated": self.simulated,
            "made_by": self.made_by,
        }
        if self.outdated:
            head["outdated"] = list(self.outdated)
        lists = {"former": self.former} if self.former else {}
        path = Path(folder) / MANIFEST
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(head, indent=1)[:-2])
            for name, entries in {**lists, "pairs": self.pairs}.items():
                lines = ",\n  ".join(json.dumps(entry.to_json()) for entry in entries)
                file.write(f',\n "{name}": [\n  {lines}\n ]' if lines else f',\n "{name}": [\n ]')
            file.write("\n}\n")
        return path


def read_manifest(folder: str | Path) -> PairSet:
    """The manifest of a folder.

    Raises:
        InputError: There is none, it is damaged, or of a newer schema.
    """
    path = Path(folder) / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"There is no pair set in {folder}: it has no {MANIFEST}; make one with ct2mrsynth pairs "
            "build, or a simulated one with ct2mrsynth phantom --pairs."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "no JSON"
        raise InputError(f"The manifest {path} cannot be read ({reason}); make the pair set again.") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise InputError(f"{path} is no manifest of a pair set: its kind is not {KIND!r}.")
    schema = content.get("schema")
    if schema != SCHEMA:
        raise InputError(
            f"The pair set in {folder} has schema {schema!r}, this version reads {SCHEMA}; update CT2MRSynth."
        )
    pairs, former, outdated = (content.get(key, []) for key in ("pairs", "former", "outdated"))
    if "pairs" not in content or not all(isinstance(one, list) for one in (pairs, former, outdated)):
        raise InputError(f"The manifest {path} has no list of pairs; make the pair set again.")
    made_by = content.get("made_by")
    return PairSet(
        tuple(_entry(path, n, pair) for n, pair in enumerate(pairs, 1)),
        made_by if isinstance(made_by, dict) else {},
        bool(content.get("simulated")),
        tuple(str(identifier) for identifier in outdated),
        tuple(_entry(path, n, pair) for n, pair in enumerate(former, 1)),
    )


def check_patients(pairs: Sequence[PairEntry]) -> None:
    """Refuse a leak: a patient, an image or a scan that accepted pairs on two sides of a split share.

    Raises:
        InputError: There is one; both pairs are named.
    """
    first: dict[str, PairEntry] = {}
    for pair in pairs:
        if pair.split is None or not pair.accepted:
            continue
        for key, words in _shared(pair):
            other = first.setdefault(key, pair)
            if other.split != pair.split:
                raise InputError(
                    f"{words} is both in {other.split} and in {pair.split} (pairs {other.id} and {pair.id}); put all "
                    "pairs of a patient on one side, and reject one of two pairs that are the same."
                )


def _shared(pair: PairEntry) -> Iterator[tuple[str, str]]:
    """What no two sides may have in common, and words for it."""
    yield f"patient {pair.patient}", f"The patient {pair.patient}"
    for file in pair.files.values():
        yield f"image {file.sha256}", f"The image {file.path}"
    sources = pair.details.get("sources")
    for kind in IMAGES if isinstance(sources, dict) else ():
        scans = sources.get(kind)
        for scan in scans if isinstance(scans, list) else [scans] if scans else ():
            yield f"{kind} {scan}", f"The {kind.upper()} scan that {pair.id} is of"


def _entry(path: Path, number: int, content) -> PairEntry:
    try:
        return PairEntry.from_json(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"Pair {number} of {path} is damaged ({reason}); make the pair set again.") from None


def _geometry(content: dict) -> Geometry:
    result = Geometry(
        tuple(int(n) for n in content["size"]),
        tuple(float(edge) for edge in content["spacing_mm"]),
        tuple(tuple(float(value) for value in row) for row in content["ijk_to_ras"]),
    )
    if [len(result.size), len(result.spacing_mm)] != [3, 3] or [len(row) for row in result.ijk_to_ras] != [4] * 4:
        raise ValueError("its geometry is incomplete")
    return result


def _below(path: str) -> str:
    """A path that stays below its folder."""
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path:
        raise ValueError(f"the path {path!r} leads out of the folder")
    return path
