"""Which patients there are, and where their CT, MR and Markups lie; nothing is read but names and DICOM headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from CT2MRSynthLib.errors import CT2MRSynthError, InputError
from CT2MRSynthLib.imageio import list_series
from CT2MRSynthLib.imageio.dicom_headers import is_dicom
from CT2MRSynthLib.imageio.dicom_series import files_below
from CT2MRSynthLib.imageio.image_file import extension, stem
from CT2MRSynthLib.pairset.manifest import MANIFEST

MARKUPS = ".mrk.json"

#: A name says CT or MR where these letters stand alone: "P07_CT.nii.gz", "thin-ct.nrrd", "MR 2.mha", not "STRUCT.nrrd".
_CT = re.compile(r"(?<![A-Z])CT(?![A-Z])|(?<![A-Za-z])ct(?![a-z])")
_MR = re.compile(
    r"(?<![A-Z])MRI?(?![A-Z])|(?<![A-Za-z])mri?(?![a-z])|(?<![A-Za-z])([Tt][12][Ww]?|STIR|stir)(?![A-Za-z])"
)
#: Volumes that are no scans.
_NO_SCAN = re.compile(r"(?i)(?<![a-z])(labels?|seg|segmentation|masks?)(?![a-z])")
_FLAT_CT = re.compile(r"(?P<code>.+)_CT", re.IGNORECASE)
_FLAT_MR = re.compile(r"(?P<code>.+?)_(?:MR|T1|T2|STIR).*", re.IGNORECASE)


@dataclass(frozen=True)
class ImageSource:
    """Where one scan lies.

    Args:
        path: File, DICOM folder or zip.
        series: Which DICOM series, where there are several: UID, number or place.
        files: Of the DICOM series, where it was told apart from others in its folder; otherwise empty.
        description: Of the DICOM series, or the file's name; kept out of records, it may name a patient.
    """

    path: Path
    series: str | None = None
    files: tuple[Path, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Patient:
    """What is given of one patient.

    Args:
        code: Study code, never a name.
        ct: The CT; None where there is a problem.
        mr: One volume, or several stacks.
        markups: Markups files with boxes or landmarks, in the CT's world.
        days_apart: Between CT and MR, where known.
        problem: One sentence why there is nothing to curate, or empty.
        problem_kept: The same without names of files, for records; empty: the sentence itself.
    """

    code: str
    ct: ImageSource | None = None
    mr: tuple[ImageSource, ...] = ()
    markups: tuple[Path, ...] = ()
    days_apart: float | None = None
    problem: str = ""
    problem_kept: str = ""


def find_patients(path: str | Path, sequence: str = "T2", skip: Sequence[Path] = ()) -> list[Patient]:
    """The patients of a folder or a manifest, by code.

    A folder holds one sub-folder per patient, or files ``<code>_CT.*``, ``<code>_MR*.*`` and ``<code>*.mrk.json`` side
    by side. In a sub-folder CT and MR are told apart by the DICOM modality, otherwise by their names.

    Args:
        path: Folder, or JSON (see ``patient_list``).
        sequence: Of several DICOM MR series, those that name it are taken, if any does.
        skip: Folders that hold no patient, such as the one the pairs go to.

    Raises:
        InputError: There is nothing at the path, or no patient in it.
    """
    from CT2MRSynthLib.curation.patient_list import read_patient_list

    path = Path(path).expanduser()
    if not path.exists():
        raise InputError(f"There is no folder or manifest of patients '{path}'; check the path.")
    if path.is_file():
        patients = read_patient_list(path)
    else:
        patients = _in_folder(path, sequence, {folder.absolute() for folder in skip})
    if not patients:
        raise InputError(
            f"'{path}' holds no patient; give a folder with one sub-folder per patient, or with files <code>_CT.* and "
            "<code>_MR*.*, or a JSON manifest."
        )
    return _distinct(sorted(patients, key=lambda patient: patient.code))


def plain_name(code: str) -> str:
    """A code or a level as it stands in file names and identifiers of pairs."""
    return re.sub(r"[^\w.+-]+", "_", code).strip("_.") or "free"


def _distinct(patients: list[Patient]) -> list[Patient]:
    """Refuse codes that would share their files."""
    by_name: dict[str, list[Patient]] = {}
    for patient in patients:
        by_name.setdefault(plain_name(patient.code).casefold(), []).append(patient)
    result = []
    for same in by_name.values():
        if len(same) > 1:
            codes = " and ".join(repr(patient.code) for patient in same)
            sentence = f"The code is given to {len(same)} patients ({codes}); give each patient a code of its own."
            same = [replace(same[0], ct=None, mr=(), problem=sentence)]
        result += same
    return result


def _in_folder(folder: Path, sequence: str, skip: set[Path]) -> list[Patient]:
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    names = {entry: stem(entry) for entry in entries if _is_image(entry) or entry.is_dir()}
    cts = {entry: found["code"] for entry, name in names.items() if (found := _FLAT_CT.fullmatch(name))}
    codes = sorted(set(cts.values()), key=len, reverse=True)
    patients = [_flat(code, [ct for ct in cts if cts[ct] == code], names, codes, entries, sequence) for code in codes]
    rest = [entry for entry in names if entry not in cts and not _owner(names[entry], codes)]
    alone: dict[str, str] = {}
    for entry in rest:
        found = _FLAT_MR.fullmatch(names[entry])
        if entry.is_file() and found:
            alone.setdefault(found["code"], entry.name)
        elif entry.is_dir() and entry.absolute() not in skip and not (entry / MANIFEST).is_file():
            patients.append(_in_sub_folder(entry, sequence))
    return patients + [
        Patient(
            code,
            problem=f"There is an MR ('{name}') but no CT; add '{code}_CT' beside it.",
            problem_kept=f"There is an MR but no CT; add '{code}_CT' beside it.",
        )
        for code, name in alone.items()
    ]


def _flat(
    code: str, cts: list[Path], names: dict[Path, str], codes: list[str], entries: list[Path], sequence: str
) -> Patient:
    """The patient whose files lie beside those of others."""
    if len(cts) > 1:
        listed = ", ".join(f"'{path.name}'" for path in cts)
        return Patient(code, problem=f"There are {len(cts)} CTs ({listed}); keep one, or name it in a manifest.")
    own = [entry for entry, name in names.items() if entry not in cts and _owner(name, codes) == code]
    mrs = [
        entry
        for entry in own
        if _MR.match(names[entry][len(code) :].lstrip("_- .") or "-") and not _NO_SCAN.search(names[entry][len(code) :])
    ]
    if not mrs:
        # the simulated subjects name their stacks by level: <code>_L4-L5_T2
        mrs = [entry for entry in own if _kind(names[entry][len(code) :]) == "MR"]
    if not mrs:
        return Patient(code, problem=f"There is a CT ('{cts[0].name}') but no MR; add '{code}_MR' beside it.")
    markups = tuple(e for e in entries if e.name.lower().endswith(MARKUPS) and _owner(e.name, codes) == code)
    sources = [ImageSource(mr, description=names[mr][len(code) :]) for mr in mrs]
    return Patient(code, ImageSource(cts[0]), tuple(_of_sequence(sources, sequence)), markups)


def _owner(name: str, codes: list[str]) -> str | None:
    """Whose file it is: the longest code that the name begins with."""
    return next((code for code in codes if re.match(re.escape(code) + r"(?![A-Za-z0-9])", name)), None)


def _in_sub_folder(folder: Path, sequence: str) -> Patient:
    """The patient that a folder of its own holds."""
    code = folder.name
    try:
        files = [path for path in files_below(folder) if not path.name.startswith(".")]
        markups = tuple(path for path in files if path.name.lower().endswith(MARKUPS))
        cts, mrs = _by_name([path for path in files if _is_image(path)], folder)
        found_cts, found_mrs = _by_modality(folder, files)
    except CT2MRSynthError as error:
        return Patient(code, problem=str(error), problem_kept=error.for_records)
    cts += found_cts
    mrs = _of_sequence(mrs + found_mrs, sequence)
    if len(cts) == 1 and mrs:
        return Patient(code, cts[0], tuple(mrs), markups)
    return Patient(code, problem=_what_is_missing(cts, mrs))


def _what_is_missing(cts: list[ImageSource], mrs: list[ImageSource]) -> str:
    if len(cts) > 1:
        return f"There are {len(cts)} CTs; keep one, or name it in a manifest."
    if not cts and not mrs:
        return "There is neither a CT nor an MR in the folder; name them *CT* and *MR*, or put in the DICOM files."
    return "There is " + ("a CT but no MR" if cts else "an MR but no CT") + "; pairs need both scans of a patient."


def _by_name(images: list[Path], folder: Path) -> tuple[list[ImageSource], list[ImageSource]]:
    """CTs and MRs among volume files, by the file's name, otherwise by that of the folder it lies in."""
    found: dict[str, list[ImageSource]] = {"CT": [], "MR": []}
    for path in images:
        parts = [stem(path).removeprefix(folder.name), *(p.name for p in path.relative_to(folder).parents if p.name)]
        if any(_NO_SCAN.search(part) for part in parts[:1]):
            continue
        kind = next((kind for part in parts if (kind := _kind(part))), "")
        if kind == "both":
            raise InputError(
                f"The name '{path.name}' says both CT and MR; rename it, or use a manifest.",
                "The name of a file says both CT and MR; rename it, or use a manifest.",
            )
        if kind:
            found[kind].append(ImageSource(path, description=stem(path)))
    return found["CT"], found["MR"]


def _kind(name: str) -> str:
    """What a name says: "CT", "MR", "both" or nothing."""
    ct, mr = bool(_CT.search(name)), bool(_MR.search(name))
    return "both" if ct and mr else "CT" if ct else "MR" if mr else ""


def _by_modality(folder: Path, files: list[Path]) -> tuple[list[ImageSource], list[ImageSource]]:
    """CTs and MRs among the DICOM series of a folder, by their modality."""
    if not any(
        not extension(path) and path.suffix.lower() not in (".json", ".zip") and is_dicom(path) for path in files
    ):
        return [], []
    found: dict[str, list[ImageSource]] = {"CT": [], "MR": []}
    for series in list_series(folder):
        if series.modality in found:
            paths = tuple(sorted({header.path for header in series.slices}))
            found[series.modality].append(ImageSource(folder, series.uid, paths, series.description))
    return found["CT"], found["MR"]


def _of_sequence(mrs: list[ImageSource], sequence: str) -> list[ImageSource]:
    """Of several MR series those whose description or file name names the sequence, if any does."""
    word = re.compile(rf"(?i)(?<![a-z0-9]){re.escape(sequence)}(?![0-9])")
    return [mr for mr in mrs if word.search(mr.description)] or mrs


def _is_image(path: Path) -> bool:
    return path.is_file() and bool(extension(path) or path.suffix.lower() == ".zip")
