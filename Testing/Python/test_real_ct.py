"""From the DICOM files of a real CT to five synthetic discs, as a user runs it. Skipped where that CT is absent."""

import json
import subprocess
import sys

import numpy as np
import pytest
import runs
from conftest import ROOT

from CT2MRSynthLib.bundle import default_bundle_path
from CT2MRSynthLib.errors import BundleError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.markups import read_boxes

LANDMARKS = ROOT / "Testing" / "Data" / "abdomen_thin_landmarks.mrk.json"


@pytest.fixture(scope="module")
def five_discs(tmp_path_factory):
    ct = ROOT.parent / "shared" / "data" / "ct" / "abdomen_thin_dicom.zip"
    if not ct.is_file():
        pytest.skip(f"no real data: {ct} is absent")
    try:
        default_bundle_path()
    except BundleError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("real")
    here = [sys.executable, "-m", "CT2MRSynthLib"]
    crop = [*here, "crop", "--landmarks", str(LANDMARKS), "--out", str(folder / "boxes")]
    subprocess.run(crop, env=runs.ENVIRONMENT, check=True)
    boxes = [str(folder / "boxes" / f"{level}.mrk.json") for level in LEVELS]
    command = [*here, "synthesize", "--ct", str(ct), "--roi", *boxes, "--out", str(folder / "out")]
    subprocess.run(command, env=runs.ENVIRONMENT, check=True)
    return folder


def test_every_disc_is_made_and_lies_in_its_box(five_discs):
    report = json.loads((five_discs / "out" / "report.json").read_text())
    assert report["counts"]["written"] == 5
    for level in LEVELS:
        image = runs.read(five_discs / "out" / f"abdomen_thin_dicom_{level}_sMRT2.nrrd")
        (box,) = read_boxes(five_discs / "boxes" / f"{level}.mrk.json")
        assert image.GetSize() == (256, 256, 1)
        ends = [[-0.5, n - 0.5] for n in image.GetSize()]
        corners = [image.TransformContinuousIndexToPhysicalPoint(index) for index in _product(*ends)]
        corners = np.array(corners) * [-1, -1, 1]
        gaps = np.linalg.norm(corners[:, None] - box.corners()[None], axis=2).min(axis=1)
        assert gaps.max() < 1e-3


def test_fluid_in_the_sac_is_brighter_than_disc_and_muscle(five_discs):
    """The order of a real T2; places by the crop rule: the sac is the middle, the disc lies ventral of it."""
    for level in LEVELS:
        image = runs.read(five_discs / "out" / f"abdomen_thin_dicom_{level}_sMRT2.nrrd")
        pixels = runs.voxels(image)[0].astype(float)
        per_mm = 1 / image.GetSpacing()[0]
        sac = _around(pixels, 0, 2, 4 * per_mm)
        disc = _around(pixels, 0, -22 * per_mm, 6 * per_mm)
        assert sac > 2 * disc, level


def test_nothing_that_names_the_patient_or_this_machine_is_written(five_discs):
    for path in (five_discs / "out").glob("*.json"):
        text = path.read_text()
        assert str(five_discs) not in text and "PatientName" not in text and "shared" not in text


def _product(*ends):
    return [(i, j, k) for i in ends[0] for j in ends[1] for k in ends[2]]


def _around(pixels, right, down, radius) -> float:
    """Mean of a disc of ``radius`` pixels around the middle of the picture, moved by pixels."""
    j, i = np.mgrid[0:256, 0:256] - 127.5
    return pixels[(i - right) ** 2 + (j - down) ** 2 < radius**2].mean()
