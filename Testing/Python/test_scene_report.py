"""The report: the same three files as of a batch run, from any scene that holds the result."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
import runs
import slicer
from bodies import body, oblique_frame
from made import make_result
from scenes import add_ct, let_read_bundles, new_scene, put_under_grid_transform, put_under_linear_transform

from CT2MRSynthLib.errors import InputError, OutputError
from CT2MRSynthLib.picture import PANELS
from CT2MRSynthLib.scene import report
from CT2MRSynthLib.scene.report import save_report
from CT2MRSynthLib.scene.synthetic import results_in
from CT2MRSynthLib.scene.volumes import ijk_to_world, voxels

FRAME = oblique_frame()


@pytest.fixture
def ct(mrml_scene):
    return add_ct(mrml_scene, body(), "Abdomen")


@pytest.fixture
def mr(mrml_scene, ct):
    return make_result(mrml_scene, ct, FRAME)


def left_half(path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.crop(json.loads(image.info[PANELS])[0]).convert("L"))


def test_the_files_hold_the_voxels_the_place_and_the_record(mr, tmp_path):
    (files,) = save_report([mr], tmp_path)
    assert files.volume.name == "Abdomen_L4-L5_sMRT2.nrrd"
    image = runs.read(files.volume)
    np.testing.assert_array_equal(runs.voxels(image), voxels(mr))
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([31.5, 31.5, 0.0])) * [-1, -1, 1]
    np.testing.assert_allclose(middle, FRAME.center, atol=1e-3)
    record = json.loads(files.sidecar.read_text(encoding="utf-8"))
    for path, name in ((files.volume, "volume"), (files.picture, "picture")):
        assert record["files"][name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["label"] == "SYNTHETIC - not for diagnosis"
    assert record["saved"]["notes"] == []


def test_the_picture_shows_the_ct_that_the_generator_saw(mr, tmp_path):
    (files,) = save_report([mr], tmp_path)
    seen = 255 - voxels(mr)[0].astype(float)  # as the fixture makes its image
    drawn = left_half(files.picture)[4::8, 4::8].astype(float)  # 512 pixels for 64 voxels
    marks = np.ones_like(drawn, dtype=bool)
    marks[:8], marks[-8:], marks[:, :8], marks[:, -8:] = False, False, False, False  # letters and the scale bar
    assert np.abs(drawn - seen)[marks].mean() < 6


def test_nothing_is_overwritten(mr, tmp_path):
    first, second = (save_report([mr], tmp_path)[0] for _ in range(2))
    assert first.stem == "Abdomen_L4-L5"
    assert second.stem == "Abdomen_L4-L5-2"
    assert first.volume.is_file()
    assert second.volume.is_file()


def test_several_results_get_one_picture_of_all(mrml_scene, ct, mr, tmp_path):
    other = make_result(mrml_scene, ct, oblique_frame().with_depth(6), box_node=None, slices=2)
    other.SetName("other")
    written = save_report([mr, other], tmp_path)
    assert len({files.stem for files in written}) == 2
    assert (tmp_path / report.SHEET).is_file()


@pytest.mark.parametrize("what", ["removed", "another"])
def test_without_its_ct_the_report_says_so(mrml_scene, ct, mr, tmp_path, what):
    if what == "removed":
        mrml_scene.RemoveNode(ct)
    else:
        image = slicer.vtkMRMLScalarVolumeNode()
        image.CopyContent(add_ct(mrml_scene, body(size=(20, 20, 20)), "Other"))
        ct.SetAndObserveImageData(image.GetImageData())
    (files,) = save_report([mr], tmp_path)
    record = json.loads(files.sidecar.read_text(encoding="utf-8"))
    assert record["saved"]["notes"] == [report.CT_GONE if what == "removed" else report.CT_CHANGED]
    inner = left_half(files.picture)[60:-60, 60:-60]
    assert inner.max() == 0


def test_a_result_that_was_moved_with_its_ct_is_written_where_it_is(mrml_scene, ct, mr, tmp_path):
    moved = np.eye(4)
    moved[:3, 3] = [15, -4, 3]
    before = voxels(mr).copy()
    transform = put_under_linear_transform(ct, moved)
    mr.SetAndObserveTransformNodeID(transform.GetID())
    (files,) = save_report([mr], tmp_path)
    record = json.loads(files.sidecar.read_text(encoding="utf-8"))
    assert record["saved"]["notes"] == [report.MR_MOVED]
    np.testing.assert_allclose(record["saved"]["grid"]["ijk_to_ras"], ijk_to_world(mr), atol=1e-6)
    seen = 255 - before[0].astype(float)
    drawn = left_half(files.picture)[4::8, 4::8].astype(float)
    assert np.abs(drawn - seen)[8:-8, 8:-8].mean() < 6  # the CT has moved along


def test_a_scene_opened_again_still_has_its_report(ct, mr, mrml_scene, tmp_path):
    mrml_scene.SetRootDirectory(str(tmp_path))
    for node in (ct, mr):
        storage = mrml_scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
        storage.SetFileName(str(tmp_path / f"{node.GetID()}.nrrd"))
        node.SetAndObserveStorageNodeID(storage.GetID())
        assert storage.WriteData(node)
    assert mrml_scene.Commit(str(tmp_path / "saved.mrml"))
    again = new_scene()
    let_read_bundles(again, tmp_path)
    again.SetURL(str(tmp_path / "saved.mrml"))
    assert again.Import()
    (files,) = save_report(results_in(again), tmp_path / "report")
    record = json.loads(files.sidecar.read_text(encoding="utf-8"))
    assert record["saved"]["notes"] == []
    assert left_half(files.picture)[60:-60, 60:-60].max() > 0
    again.Clear(1)


def test_what_has_no_record_is_refused_by_name(ct, tmp_path):
    with pytest.raises(InputError, match="Abdomen"):
        save_report([ct], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_bent_result_is_refused(mr, tmp_path):
    put_under_grid_transform(mr, lambda points: 0 * points + 3)
    with pytest.raises(InputError, match="non-linear"):
        save_report([mr], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(mr, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        save_report([mr], tmp_path / "file")
