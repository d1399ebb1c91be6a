"""The sample of the benchmark: a simulated CT in the size and form of a clinical one."""

from __future__ import annotations

from pathlib import Path

#: Columns, rows and slices of a thin-slice CT of the abdomen.
SIZE = (512, 512, 361)


def write_dicom_folder(volume: Path, folder: Path, size: tuple[int, int, int] = SIZE) -> None:
    """Copy an axial volume file into a DICOM folder, enlarged to ``size`` voxels within the same extent.

    Args:
        volume: NRRD, NIfTI or MetaImage in HU.
        folder: Where the files go; made if need be.
        size: Columns, rows, slices.
    """
    import numpy as np
    import SimpleITK
    from pydicom.uid import generate_uid

    image = SimpleITK.ReadImage(str(volume), SimpleITK.sitkInt16)
    enlarged = _enlarge(image, size)
    folder.mkdir(parents=True, exist_ok=True)
    study, series, reference = (generate_uid() for _ in range(3))
    direction = np.asarray(enlarged.GetDirection()).reshape(3, 3)
    for index in range(size[2]):
        dataset = _slice(study, series, reference, index + 1)
        position = enlarged.TransformIndexToPhysicalPoint((0, 0, index))
        dataset.ImagePositionPatient = [f"{value:.8g}" for value in position]
        dataset.ImageOrientationPatient = [f"{value:.8g}" for value in (*direction[:, 0], *direction[:, 1])]
        dataset.PixelSpacing = [f"{value:.8g}" for value in enlarged.GetSpacing()[1::-1]]
        dataset.SliceThickness = f"{enlarged.GetSpacing()[2]:.8g}"
        plane = SimpleITK.GetArrayViewFromImage(enlarged)[index]
        dataset.Rows, dataset.Columns = plane.shape
        dataset.PixelData = (plane + 1024).astype("<i2").tobytes()
        dataset.save_as(folder / f"IM{index + 1:04d}.dcm", enforce_file_format=True)


def _enlarge(image, size: tuple[int, int, int]):
    import SimpleITK

    old, spacing = image.GetSize(), image.GetSpacing()
    fine = [spacing[axis] * old[axis] / size[axis] for axis in range(3)]
    first = [(fine[axis] / spacing[axis] - 1) / 2 for axis in range(3)]
    origin = image.TransformContinuousIndexToPhysicalPoint(first)
    identity, nearest = SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor
    return SimpleITK.Resample(
        image, size, identity, nearest, origin, fine, image.GetDirection(), -1024, image.GetPixelID()
    )


def _slice(study: str, series: str, reference: str, number: int):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, reference
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Simulated", "SIMULATED", "CT"
    dataset.InstanceNumber = number
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    return dataset
