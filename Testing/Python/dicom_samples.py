"""Small DICOM series with known geometry, written for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

PATIENT = "Mustermann^Erika"
PATIENT_ID = "PID-4711"


def body_ct(slices: int = 12, size: int = 64, seed: int = 0) -> np.ndarray:
    """Hounsfield units, int16, shape (slices, size, size): fat, soft tissue and bone in air, with noise."""
    rng = np.random.default_rng(seed)
    j, i = np.mgrid[0:size, 0:size] / (size - 1) * 2 - 1
    plane = np.full((size, size), -1000.0)
    plane[(i / 0.9) ** 2 + (j / 0.7) ** 2 < 1] = -100
    plane[(i / 0.75) ** 2 + (j / 0.55) ** 2 < 1] = 50
    plane[(i / 0.2) ** 2 + ((j - 0.2) / 0.2) ** 2 < 1] = 250
    plane[i > 0.8] = -1000  # tells left from right
    volume = plane + rng.normal(0, 12, (slices, size, size))
    volume[:, size // 2, size // 2] = np.arange(slices) * 10  # tells the slices apart
    return np.rint(np.maximum(volume, -1024)).astype(np.int16)


def write_series(
    folder: Path,
    hu: np.ndarray | None = None,
    *,
    origin=(-30.0, -40.0, 100.0),
    orientation=(1, 0, 0, 0, 1, 0),
    spacing=(0.8, 0.7),
    step=(0.0, 0.0, 2.5),
    slope: float | list[float] = 1.0,
    intercept: float | list[float] = -1024.0,
    names: str = "IM{:04d}.dcm",
    series: str | None = None,
    **tags,
) -> list[Path]:
    """Write a series of single-frame files.

    Args:
        folder: Where to; made when missing.
        hu: Shape (slices, rows, columns).
        origin: Position of the first slice, LPS mm.
        orientation: Six direction cosines, LPS.
        spacing: Distance of rows, distance of columns, mm.
        step: From slice to slice, LPS mm.
        slope, intercept: One for all slices or a list of one for each.
        names: File names; the number is the slice's.
        series: Series instance UID.
        **tags: Further DICOM keywords for each file.

    Returns:
        The files in the order of ``hu``.
    """
    hu = body_ct() if hu is None else hu
    series, study = series or generate_uid(), generate_uid()
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for index, plane in enumerate(hu):
        dataset = _dataset(tags.get("SOPClassUID", CTImageStorage), study, series)
        dataset.InstanceNumber = index + 1
        dataset.ImagePositionPatient = [_ds(value) for value in np.asarray(origin) + index * np.asarray(step)]
        dataset.ImageOrientationPatient = [_ds(value) for value in orientation]
        dataset.PixelSpacing = [_ds(value) for value in spacing]
        _set_pixels(dataset, plane, _of(slope, index), _of(intercept, index))
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        files.append(folder / names.format(index))
        dataset.save_as(files[-1], enforce_file_format=True)
    return files


def write_multiframe(
    file: Path, hu: np.ndarray, *, origin=(-30.0, -40.0, 100.0), step=(0.0, 0.0, 2.5), order=None, intercepts=None
):
    """Write one enhanced multi-frame CT; ``order`` is that of the file, ``intercepts`` one for each slice."""
    dataset = _dataset(EnhancedCTImageStorage, generate_uid(), generate_uid())
    order = list(range(len(hu))) if order is None else order
    intercepts = [-1024.0] * len(hu) if intercepts is None else intercepts
    stored = np.stack([np.rint(hu[index] - intercepts[index]) for index in order])
    _set_pixels(dataset, stored, 1.0, 0.0)
    del dataset.RescaleSlope, dataset.RescaleIntercept
    dataset.NumberOfFrames = len(hu)
    measures = Dataset()
    measures.PixelSpacing = [0.8, 0.7]
    measures.SliceThickness = 2.5
    plane = Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(
        [_frame(origin, step, index, intercepts[index]) for index in order]
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(file, enforce_file_format=True)
    return file


def write_report(file: Path) -> Path:
    """Write a DICOM object without an image."""
    dataset = _dataset("1.2.840.10008.5.1.4.1.1.88.11", generate_uid(), generate_uid())
    dataset.Modality = "SR"
    dataset.save_as(file, enforce_file_format=True)
    return file


def write_mr(folder: Path, **tags) -> list[Path]:
    """Write a series that says it is an MR."""
    plane = np.abs(body_ct())
    return write_series(folder, plane, intercept=0.0, SOPClassUID=MRImageStorage, Modality="MR", **tags)


def _dataset(sop_class, study: str, series: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientName, dataset.PatientID, dataset.Modality = PATIENT, PATIENT_ID, "CT"
    dataset.SeriesNumber = 3
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    return dataset


def _set_pixels(dataset: Dataset, hu: np.ndarray, slope: float, intercept: float) -> None:
    dataset.Rows, dataset.Columns = hu.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.RescaleSlope, dataset.RescaleIntercept = _ds(slope), _ds(intercept)
    dataset.PixelData = np.rint((hu.astype(float) - intercept) / slope).astype("<i2").tobytes()


def _frame(origin, step, index: int, intercept: float) -> Dataset:
    position, transformation, frame = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [_ds(value) for value in np.asarray(origin) + index * np.asarray(step)]
    transformation.RescaleIntercept, transformation.RescaleSlope = _ds(intercept), 1
    transformation.RescaleType = "HU"
    frame.PlanePositionSequence = Sequence([position])
    frame.PixelValueTransformationSequence = Sequence([transformation])
    return frame


def _of(value, index: int) -> float:
    return float(value[index]) if isinstance(value, (list, tuple, np.ndarray)) else float(value)


def _ds(value: float) -> str:
    """A decimal string of at most 16 characters, as DICOM wants it."""
    return f"{float(value):.10g}"[:16]
