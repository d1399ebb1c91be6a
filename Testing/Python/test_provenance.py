"""The record: says all that is needed to make the image again, and nothing of the patient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="no torch")

import runs  # noqa: E402

from CT2MRSynthLib import __version__  # noqa: E402
from CT2MRSynthLib.batch import run_job  # noqa: E402
from CT2MRSynthLib.job import Options, job_from_paths  # noqa: E402

SECRETS = ("Doe^Jane", "PID-4711", "19510203", "Dr^Who", "Saint Elsewhere")


def write_dicom(folder: Path) -> Path:
    """The CT of ``runs`` as a DICOM series with a patient's particulars."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    folder.mkdir(parents=True)
    array, matrix = runs.hounsfield(), np.diag([-1, -1, 1, 1.0]) @ runs.geometry()
    for k, plane in enumerate(array):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, f"1.2.3.4.{k + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one = Dataset()
        one.file_meta = meta
        one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, f"1.2.3.4.{k + 1}"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.Modality = "1.2.3", "1.2.3.4", "CT"
        one.PatientName, one.PatientID, one.PatientBirthDate, one.ReferringPhysicianName = SECRETS[:4]
        one.InstitutionName = SECRETS[4]
        one.InstanceNumber, one.SeriesNumber = k + 1, 1
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [round(float(x), 6) for x in (matrix @ [0, 0, k, 1])[:3]]
        one.PixelSpacing, one.SliceThickness = [1.6, 1.6], 1.6
        one.Rows, one.Columns = plane.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.RescaleSlope, one.RescaleIntercept = 1, 0
        one.PixelData = plane.astype("<i2").tobytes()
        pydicom.dcmwrite(folder / f"{k:04d}.dcm", one, enforce_file_format=True)
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    """The results of a run on a DICOM folder, one box partly outside the CT."""
    base = tmp_path_factory.mktemp("secret-user")
    ct = write_dicom(base / "Saint Elsewhere" / "series")
    boxes = runs.write_boxes(base / "b.mrk.json", "L4-L5", "L5-S1", centers=[[0, 0, 0], [50.0, 0, 0]])
    options = Options(
        bundle=runs.write_bundle(base / "bundle"), device="cpu", precision="float32", slices=2, thickness=3.0
    )
    report = run_job(job_from_paths([str(ct)], [str(boxes)], base / "out", options))
    assert report["exit_status"] == 0
    return base / "out"


def test_nothing_written_names_patient_path_or_user(out):
    for path in out.iterdir():
        content = path.read_bytes()
        for secret in (*SECRETS, "secret-user", "1.2.3.4", str(out.parent)):
            assert secret.encode() not in content, f"{secret} in {path.name}"


def test_the_record_says_how_the_volume_was_made(out):
    record = runs.load(out / "series_L4-L5_sMRT2.json")
    assert record["label"] == "SYNTHETIC - not for diagnosis"
    assert "Research use only" in record["use"]
    assert record["software"] == {"name": "CT2MRSynth", "version": __version__}
    card = runs.load(out.parent / "bundle" / "card.json")
    assert record["model"]["sha256"] == card["weights"]["sha256"]
    assert (record["model"]["name"], record["model"]["preliminary"]) == ("Tiny test", True)
    assert record["model"]["limits"] == card["limits"]
    assert record["input"]["name"] == "series"
    assert (record["input"]["size"], record["input"]["spacing_mm"]) == ([80, 80, 80], pytest.approx([1.6] * 3))
    assert record["input"]["modality"] == "CT"
    assert record["box"]["extent_mm"] == [60, 60, 4]
    assert np.allclose(record["box"]["axes_ras"], np.eye(3))
    assert (record["slices"], record["thickness_mm"], record["ct_window_hu"]) == (2, 3.0, [-200, 600])
    assert record["computed_on"]["torch"] == torch.__version__
    assert "CPU" in record["computed_on"]["device"]


def test_the_grid_of_the_record_is_that_of_the_file(out):
    record = runs.load(out / "series_L4-L5_sMRT2.json")
    image = runs.read(out / "series_L4-L5_sMRT2.nrrd")
    assert list(image.GetSize()) == record["grid"]["size"]
    matrix = np.diag([-1, -1, 1, 1]) @ np.array(record["grid"]["ijk_to_ras"])
    assert np.allclose(matrix[:3, 3], image.GetOrigin(), atol=1e-6)
    assert np.allclose(matrix[:3, :3], np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing(), atol=1e-6)


def test_what_lies_outside_is_counted_and_told(out):
    record = runs.load(out / "series_L5-S1_sMRT2.json")
    assert record["outside_fraction"] == pytest.approx((80 - 64) / 60, abs=0.01)
    assert any("outside" in warning for warning in record["warnings"])
    entry = runs.load(out / "report.json")["cts"][0]["boxes"][1]
    assert (entry["outside_fraction"], entry["warnings"]) == (record["outside_fraction"], record["warnings"])


def test_the_hashes_in_the_record_are_those_of_the_files(out):
    import hashlib

    record = runs.load(out / "series_L4-L5_sMRT2.json")
    for kind in ("volume", "picture"):
        content = (out / record["files"][kind]["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["files"][kind]["sha256"]
        assert len(content) == record["files"][kind]["bytes"]


def test_the_record_is_plain_json(out):
    text = (out / "series_L4-L5_sMRT2.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
