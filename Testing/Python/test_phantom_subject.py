"""A simulated subject: discs in order, CT, T2 stacks and files that agree with each other, all files or none."""

import json
from dataclasses import replace

import numpy as np
import pytest
import runs

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.cli.phantom import parse_severities
from CT2MRSynthLib.crop import Landmarks, crop_box
from CT2MRSynthLib.errors import OutputError, UsageError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.markups import read_boxes, read_points
from CT2MRSynthLib.phantom.ct.protocol import CTProtocol
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.subject import phantom_subject, take_mr
from CT2MRSynthLib.phantom.subject_files import write_subject
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.resample import resample
from CT2MRSynthLib.transformfile import read_transform

SEEDS = range(20, 28)
#: Quick: coarse, and of the spine alone; anatomy and boxes are those of a fine CT.
COARSE = CTProtocol(matrix=72, spacing=2.6, thickness=5.0, increment=5.0, targeted=True)
LEVEL = "L4-L5"


@pytest.fixture(scope="module")
def coarse():
    """A subject with a coarse CT and one T2 stack."""
    subject = phantom_subject(2, {"L4-L5:stenosis": 0.5}, COARSE, mr=False)
    stacks, settings = take_mr(subject.body, (LEVEL,))
    return replace(subject, stacks=stacks, settings={**subject.settings, "mr": settings})


@pytest.fixture(scope="module")
def files(coarse, tmp_path_factory):
    """Its files."""
    out = tmp_path_factory.mktemp("subject")
    write_subject(coarse, out)
    return out


def voxel_centers(ijk_to_ras, shape, every=1):
    """Indices (n, 3) in order k, j, i and RAS mm (n, 3) of voxels."""
    kji = np.stack(np.meshgrid(*(np.arange(0, n, every) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    return kji, kji[:, ::-1] @ ijk_to_ras[:3, :3].T + ijk_to_ras[:3, 3]


def moved(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_discs_run_from_superior_to_inferior():
    for seed in SEEDS:
        heights = [Subject(seed).landmarks(level).disc_center[2] for level in LEVELS]
        assert np.all(np.diff(heights) < -15)


def test_discs_tilt_with_the_lordosis():
    lean = np.mean([[Subject(seed).frame(level).axes[2, 1] for level in LEVELS] for seed in SEEDS], axis=0)
    assert np.all(np.diff(lean) > 0), "each disc leans more to the front than the one above it"


def test_a_box_beside_the_spine_is_painted_too():
    subject = Subject(9)
    frame = subject.frame("L3-L4")
    for offset in ([120, 0, 0], [0, 70, 0], [0, -60, 0]):
        away = DiscFrame(frame.center + np.array(offset), frame.axes, [40, 40, 4])
        labels = subject.paint(Lattice.from_matrix(away.grid(pixels=16).ijk_to_ras, (1, 16, 16))).label
        assert not np.isin(labels, (Label.CSF, Label.NUCLEUS)).any()


def test_aorta_lies_on_the_patients_left():
    subject = Subject(2)
    frame = subject.frame("L2-L3")
    wide = DiscFrame(frame.center + 25 * frame.axes[1], frame.axes, [100, 100, 4], frame.level)
    lattice = Lattice.from_matrix(wide.grid(pixels=100).ijk_to_ras, (1, 100, 100))
    labels = subject.paint(lattice).label.reshape(100, 100)
    artery, vein = (np.nonzero(labels == label)[1].mean() for label in (Label.ARTERY, Label.VEIN))
    assert artery > vein, "columns run to the patient's left"


def test_the_ct_holds_all_discs(coarse):
    assert list(coarse.frames) == list(coarse.landmarks) == list(LEVELS)
    for frame in coarse.frames.values():
        assert resample(coarse.ct, frame.grid(pixels=32), 4.0).outside_fraction == 0


def test_ct_and_direct_pair_agree(coarse):
    """The same disc, once cut from the CT and once painted directly: the mirrored one must fit worse."""
    for level in ("L2-L3", LEVEL):
        cut = resample(coarse.ct, coarse.frames[level].grid(), 4.0).array[0]
        direct = render_pair(2, level, jitter=0.0, severity=coarse.set_severities).ct
        cut, direct = (np.clip(image, -200, 600) for image in (cut, direct))
        alike = np.corrcoef(cut.ravel(), direct.ravel())[0, 1]
        mirrored = np.corrcoef(cut[:, ::-1].ravel(), direct.ravel())[0, 1]
        assert alike > 0.8
        assert alike > mirrored + 0.01


def test_labels_are_the_tissue_at_the_voxels_and_the_ct_shows_it(coarse):
    kji, places = voxel_centers(coarse.ct.ijk_to_ras, coarse.labels.shape, every=6)
    painted, labels = coarse.body.labels_at(places), coarse.labels[tuple(kji.T)]
    # a slice of 5 mm is the mean of planes; its labels are those of the plane next to its middle
    body = painted != Label.AIR
    assert np.mean(labels[body] == painted[body]) > 0.6
    assert np.mean((labels != Label.AIR) == body) > 0.97
    hu = coarse.ct.array
    assert (
        np.median(hu[coarse.labels == Label.SUBCUTANEOUS_FAT]) < -60 < 0 < np.median(hu[coarse.labels == Label.MUSCLE])
    )


def test_ct_and_mr_agree_on_the_anatomy_under_the_transform(coarse):
    stack, matrix = coarse.stacks[LEVEL], coarse.ct_to_mr[LEVEL]
    kji, places = voxel_centers(stack.volume.ijk_to_ras, stack.labels.shape, every=12)
    tissue = coarse.body.labels_at(moved(np.linalg.inv(matrix), places))
    agree = np.mean(stack.labels[tuple(kji.T)] == tissue)
    assert agree > 0.85  # a stored pixel is up to half a sampled one away
    without = np.mean(stack.labels[tuple(kji.T)] == coarse.body.labels_at(places))
    assert agree > without + 0.05
    shift = moved(matrix, coarse.landmarks[LEVEL].sac_center[None]) - coarse.landmarks[LEVEL].sac_center
    assert np.linalg.norm(shift) < 25, "a small misalignment only"


def test_severities_are_set_recorded_and_nothing_else_changes(coarse):
    plain = Subject(2).severity.record()
    assert coarse.severities["levels"][LEVEL]["stenosis"] == 0.5 != plain["levels"][LEVEL]["stenosis"]
    plain["levels"][LEVEL]["stenosis"] = 0.5
    assert coarse.severities == plain


def test_the_same_subject_gives_the_same_bytes(coarse, files, tmp_path):
    again = phantom_subject(2, coarse.set_severities, COARSE, mr=False)
    write_subject(replace(again, stacks=coarse.stacks, settings=coarse.settings), tmp_path)
    assert contents(tmp_path) == contents(files)


def test_boxes_and_landmarks_are_where_the_ct_shows_them(coarse, files):
    points = read_points(files / "phantom_2_landmarks.mrk.json")
    for level, frame in coarse.frames.items():
        (box,) = read_boxes(files / f"phantom_2_{level}.mrk.json")
        np.testing.assert_allclose(box.corners(), frame.corners(), atol=1e-3)
        by_rule = crop_box(Landmarks.from_points(points[level]), level)
        np.testing.assert_allclose(by_rule.corners(), frame.corners(), atol=0.02)


def test_the_record_tells_what_the_files_hold(coarse, files):
    record = runs.load(files / "phantom_2.json")
    assert set(record["files"]) | {"phantom_2.json"} == set(contents(files))
    assert record["severities_set"] == {"L4-L5:stenosis": 0.5} and record["severities"] == coarse.severities
    np.testing.assert_allclose(record["levels"][LEVEL]["ct_to_mr_ras"], coarse.ct_to_mr[LEVEL], atol=1e-8)
    transform = read_transform(files / f"phantom_2_{LEVEL}_CT_to_MR.tfm")
    np.testing.assert_allclose(transform, coarse.ct_to_mr[LEVEL], atol=1e-8)
    ct = runs.read(files / "phantom_2_CT.nrrd")
    np.testing.assert_array_equal(runs.voxels(ct), coarse.ct.array)
    assert ct.GetMetaData("CT2MRSynth label") == record["label"] == "SIMULATED, SYNTHETIC - not for diagnosis"
    np.testing.assert_array_equal(
        runs.voxels(runs.read(files / f"phantom_2_{LEVEL}_T2.nrrd")), coarse.stacks[LEVEL].volume.array
    )


def test_what_an_earlier_run_left_does_not_stay_beside_another_ct(coarse, files, tmp_path):
    write_subject(coarse, tmp_path)
    (tmp_path / ".phantom_2.part").mkdir()
    (tmp_path / ".phantom_2.part" / "phantom_2_CT.nrrd").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    write_subject(replace(coarse, stacks={}), tmp_path, labels=False)
    assert not [name for name in contents(tmp_path) if "T2" in name or "CT_to_MR" in name or "labels" in name]
    assert not (tmp_path / ".phantom_2.part").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_where_nothing_can_be_written_nothing_is(coarse, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written to"):
        write_subject(coarse, tmp_path / "file")
    (tmp_path / "out" / f"phantom_2_{LEVEL}.mrk.json" / "in the way").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot be written to"):
        write_subject(coarse, tmp_path / "out")
    assert not (tmp_path / "out" / "phantom_2.json").exists(), "the record comes last"
    assert not (tmp_path / "out" / ".phantom_2.part").exists()


def test_the_command_writes_a_subject(tmp_path, capsys):
    words = ["phantom", "--seed", "3", "--out", str(tmp_path), "--no-mr", "--no-labels", "--events", "--quiet"]
    assert main([*words, "--matrix", "64", "--spacing", "5", "--thickness", "8", "--severity", "L5-S1:vacuum=1"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [events[0]["event"], events[-1]["event"], events[-1]["exit_status"]] == ["start", "end", 0]
    percent = [event["percent"] for event in events if event["event"] == "progress"]
    assert percent == sorted(percent) and percent[-1] == 100
    record = runs.load(tmp_path / "phantom_3.json")
    assert record["severities"]["levels"]["L5-S1"]["vacuum"] == 1.0
    assert set(record["files"]) == {
        "phantom_3_CT.nrrd",
        "phantom_3_landmarks.mrk.json",
        *(f"phantom_3_{level}.mrk.json" for level in LEVELS),
    }
    assert runs.read(tmp_path / "phantom_3_CT.nrrd").GetSpacing() == (5.0, 5.0, 8.0)


def test_a_field_of_view_too_small_for_a_box_is_told(tmp_path, capsys):
    words = ["phantom", "--seed", "3", "--out", str(tmp_path), "--no-mr", "--no-labels", "--quiet", "--thickness", "9"]
    for spacing, told in (("1", "does not hold the whole box of L1-L2"), ("6", "")):
        assert main([*words, "--matrix", "64", "--spacing", spacing]) == 0
        error = capsys.readouterr().err
        assert told in error and bool(told) == bool(error)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--severity", "stenosis"], "--severity stenosis has no value"),
        (["--severity", "stenosis=much"], "needs a number"),
        (["--severity", "stenosis=1.5"], "give a number from 0 to 1"),
        (["--severity", "stenosis=true"], "give a number from 0 to 1"),
        (["--severity", "stenosis=nan"], "give a number from 0 to 1"),
        (["--severity", "male=nan"], "give true or false"),
        (["--severity", "L4-L5:male=1"], "leave out 'L4-L5'"),
        (["--severity", "stenoses=0.5"], "'stenoses' is unknown"),
        (["--severity", "L6-S1:stenosis=0.5"], "'L6-S1' is unknown"),
        (["--seed", "-1"], "The seed is -1"),
        (["--matrix", "9"], "--matrix is 9"),
        (["--subjects", "3"], "--subjects goes with --pairs"),
        (["--pairs", "3", "--no-mr"], "--no-mr belongs to one subject"),
        (["--pairs", "3", "--spacing", "0"], "--spacing belongs to one subject"),
        (["--pairs", "3000000000"], "give 1 to 1000000 pairs"),
        (["--pairs", "3", "--severity", "stenosis=2"], "give a number from 0 to 1"),
        (["--pairs", "3", "--processes", "0"], "--processes is 0"),
    ],
)
def test_wrong_usage_is_one_sentence_and_writes_nothing(tmp_path, capsys, words, sentence):
    assert main(["phantom", "--out", str(tmp_path / "out"), "--quiet", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_severities_are_read_by_name():
    assert parse_severities(["stenosis=0.8", "L4-L5:bulge=1", "male=true"]) == {
        "stenosis": 0.8,
        "L4-L5:bulge": 1.0,
        "male": True,
    }
    with pytest.raises(UsageError):
        parse_severities(["male"])


def test_what_is_said_of_one_disc_holds_whatever_is_said_of_all():
    for words in ({"L4-L5:bulge": 0.2, "bulge": 0.9}, {"bulge": 0.9, "L4-L5:bulge": 0.2}):
        levels = Subject(2, words).severity.record()["levels"]
        assert [levels[level]["bulge"] for level in LEVELS] == [0.9, 0.9, 0.9, 0.2, 0.9]


def test_slicer_opens_the_labels_as_a_segmentation(coarse, files, mrml_scene):
    import slicer

    node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(files / "phantom_2_labels.seg.nrrd"))
    assert storage.ReadData(node)
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetNthSegment(n) for n in range(segmentation.GetNumberOfSegments())]
    named = {segment.GetName(): segment for segment in segments}
    present = {Label(value) for value in np.unique(coarse.labels)} - {Label.AIR}
    assert set(named) == {label.name.replace("_", " ").lower() for label in present}
    assert len({segment.GetColor() for segment in segments}) == len(segments)
    sac = named["csf"]
    assert sac.GetLabelValue() == Label.CSF
    matrix = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segmentation.GetSegmentIdBySegment(sac), matrix)
    scalars = np.frombuffer(matrix.GetPointData().GetScalars(), dtype=np.uint8)
    assert np.count_nonzero(scalars) == np.count_nonzero(coarse.labels == Label.CSF)


def test_the_transform_above_the_ct_moves_it_onto_the_stack(coarse, files, mrml_scene):
    """As Slicer reads the file: its place in the scene is where the stack shows the same tissue."""
    from scenes import add_ct, world_corners

    node = mrml_scene.AddNewNodeByClass("vtkMRMLTransformNode")
    storage = mrml_scene.AddNewNodeByClass("vtkMRMLTransformStorageNode")
    storage.SetFileName(str(files / f"phantom_2_{LEVEL}_CT_to_MR.tfm"))
    assert storage.ReadData(node) and node.IsLinear()
    ct = add_ct(mrml_scene, coarse.ct)
    ct.SetAndObserveTransformNodeID(node.GetID())
    wanted = moved(coarse.ct_to_mr[LEVEL], coarse.ct.corners())
    there = world_corners(ct)
    assert max(np.linalg.norm(there - corner, axis=1).min() for corner in wanted) < 1e-3
