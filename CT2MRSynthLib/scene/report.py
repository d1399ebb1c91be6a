"""A result of the scene as files: picture, volume and record; also of a scene that was saved and opened again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import CT2MRSynthError, InputError
from CT2MRSynthLib.frame import Grid
from CT2MRSynthLib.job import file_part
from CT2MRSynthLib.results import ResultFiles, prepare_folder, write_result
from CT2MRSynthLib.scene.names import CT_ROLE
from CT2MRSynthLib.scene.synthetic import provenance_of
from CT2MRSynthLib.scene.volumes import ijk_to_world, volume_from_node, voxels
from CT2MRSynthLib.volume import Volume

#: Name of the picture of all results beside each other.
SHEET = "CT2MRSynth_overview.png"

#: Voxels of a result farther than this (mm) from where they were made have been moved since.
MOVED = 0.01

CT_GONE = "The CT this was made from is not in the scene any more; the left half is empty."
CT_CHANGED = "The CT in the scene is not the one this was made from; the left half is empty."
MR_MOVED = "The image was moved after it was made; volume and picture show it where it is now."


def save_report(nodes: Sequence, folder: str | Path) -> list[ResultFiles]:
    """Write picture (PNG), volume (NRRD) and record (JSON) of results, and of several a picture of all.

    Nothing is overwritten: where files of a name are there, the new ones get a number.

    Args:
        nodes: Results, ``vtkMRMLScalarVolumeNode`` with a record of how they were made.
        folder: Where; it is made if need be.

    Returns:
        The files of each result.

    Raises:
        InputError: A node is no result, or lies under a non-linear transform.
        OutputError: The folder cannot be written or is full.
    """
    folder = Path(folder)
    records = [_record(node) for node in nodes]
    prepare_folder(folder)
    written = [_save(node, record, folder) for node, record in zip(nodes, records, strict=True)]
    if len(written) > 1:
        from CT2MRSynthLib.picture import contact_sheet

        contact_sheet([files.picture for files in written], _free(folder / SHEET))
    return written


def _record(node) -> dict:
    record = provenance_of(node)
    try:
        complete = {key: record["model"][key] for key in ("name", "version", "sha256", "preliminary")}
        complete |= {key: record["input"][key] for key in ("sha256", "size", "spacing_mm")}
        low, high = (float(limit) for limit in record["ct_window_hu"])
        str(record["box"]["level"])
    except (TypeError, KeyError, ValueError):
        raise InputError(f"How the volume {node.GetName()!r} was made is not recorded, so it has no report.") from None
    return record


def _save(node, record: dict, folder: Path) -> ResultFiles:
    from CT2MRSynthLib import picture

    mr, grid = _contents(node)
    moved = not np.allclose(grid.ijk_to_ras, record["grid"]["ijk_to_ras"], atol=MOVED)
    ct_node = node.GetNodeReference(CT_ROLE)
    ct_grey, missing = _ct_grey(ct_node, grid, record)
    notes = [note for note in (missing, MR_MOVED if moved else "") if note]
    model, level = record["model"], record["box"]["level"]
    name = ct_node.GetName() if ct_node is not None else str(record["input"].get("name", "CT"))
    files = _free_files(folder, f"{file_part(name)}_{file_part(level)}")
    image = picture.draw(
        ct_grey,
        mr,
        grid.spacing * grid.size,
        name=name,
        level=level,
        window=tuple(record["ct_window_hu"]),
        model=f"{model['name']} {model['version']}" + (" (preliminary)" if model["preliminary"] else ""),
        warnings=[*record.get("warnings", ()), *notes],
    )
    content = {**record, "saved": {"grid": _grid(grid), "notes": notes}}
    write_result(
        files,
        content,
        {"input": record["input"]["sha256"], "box": record["box"], "model": model["sha256"], "from": "scene"},
        lambda path: _write_volume(path, mr, grid, record),
        lambda path: picture.save(image, path),
    )
    return files


def _contents(node) -> tuple[np.ndarray, Grid]:
    """Voxels, shape (k, j, i), uint8, and where they lie in the world."""
    volume = volume_from_node(node)
    if volume.world_to_volume is not None:
        raise InputError(
            f"The volume {node.GetName()!r} lies under a non-linear transform; remove or harden it and try again."
        )
    array = np.clip(np.rint(voxels(node)), 0, 255).astype(np.uint8)
    return array, Grid(ijk_to_world(node), volume.size)


def _ct_grey(ct_node, grid: Grid, record: dict) -> tuple[np.ndarray, str]:
    """The CT in grey levels at the voxels of a result, shape (k, j, i); black and why where it cannot be had."""
    black = np.zeros(tuple(reversed(grid.size)), dtype=np.uint8)
    if ct_node is None:
        return black, CT_GONE
    try:
        volume = volume_from_node(ct_node)
    except InputError:
        return black, CT_GONE
    if not _is_same(volume, record["input"]):
        return black, CT_CHANGED
    return _sampled(volume, grid, record), ""


def _sampled(volume: Volume, grid: Grid, record: dict) -> np.ndarray:
    """Only what the picture shows is sampled: of a thin stack its middle slice, of a thick one all."""
    from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels
    from CT2MRSynthLib.picture import SLICES_TO_REFORMAT
    from CT2MRSynthLib.resample import resample

    window = CTWindow(*record["ct_window_hu"])
    thickness = float(record.get("thickness_mm") or grid.spacing[2])
    slices = grid.size[2]
    if slices >= SLICES_TO_REFORMAT:
        return to_grey_levels(resample(volume, grid, thickness).array, window)
    middle = grid.ijk_to_ras.copy()
    middle[:3, 3] += middle[:3, 2] * (slices // 2)
    grey = np.zeros(tuple(reversed(grid.size)), dtype=np.uint8)
    one = replace(grid, ijk_to_ras=middle, size=(*grid.size[:2], 1))
    grey[slices // 2] = to_grey_levels(resample(volume, one, thickness).array[0], window)
    return grey


def _is_same(volume: Volume, source: dict) -> bool:
    """Whether a CT has the size and the spacing of the one that was used; its hash would take seconds."""
    try:
        near = np.allclose(np.asarray(source["spacing_mm"], dtype=float), volume.spacing, rtol=1e-3)
    except (TypeError, ValueError):
        return False
    return list(volume.size) == list(source["size"]) and near


def _write_volume(path: Path, mr: np.ndarray, grid: Grid, record: dict) -> None:
    from CT2MRSynthLib.imageio import write_volume

    model = record["model"]
    metadata = {
        "CT2MRSynth label": str(record.get("label", "")),
        "CT2MRSynth model": f"{model['name']} {model['version']}, SHA-256 {model['sha256']}",
        "CT2MRSynth version": str(record.get("software", {}).get("version", "")),
    }
    write_volume(path, mr, grid.ijk_to_ras, metadata)


def _grid(grid: Grid) -> dict:
    from CT2MRSynthLib.provenance import rounded

    return {"size": [int(n) for n in grid.size], "ijk_to_ras": rounded(grid.ijk_to_ras, 9)}


def _free_files(folder: Path, stem: str) -> ResultFiles:
    for number in range(1, 10_000):
        files = ResultFiles(folder, stem if number == 1 else f"{stem}-{number}")
        if not any(path.exists() for path in (files.volume, files.picture, files.sidecar)):
            return files
    raise CT2MRSynthError(f"The folder {folder.name!r} holds thousands of reports; choose another one.")


def _free(path: Path) -> Path:
    candidates = [path, *(path.with_stem(f"{path.stem}-{number}") for number in range(2, 10_000))]
    return next(one for one in candidates if not one.exists())
