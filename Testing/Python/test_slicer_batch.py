"""The script for Slicer, run here on a bare scene: the same arguments, files and exit status as the command."""

import os
import subprocess
import sys

import numpy as np
import pytest
import runs

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib import cli, slicer_batch

SCRIPT = runs.ROOT / "CT2MRSynthLib" / "slicer_batch.py"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("material")
    runs.write_bundle(folder / "bundle")
    runs.write_ct(folder / "abdomen.nrrd")
    runs.write_boxes(folder / "boxes.mrk.json", "L3-L4", "L4-L5")
    return folder


def as_slicer_runs_it(*words):
    """By its path, from anywhere, with ``--`` before the arguments."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--", *map(str, words)],
        env={**environment, "OMP_NUM_THREADS": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
    )


def job(material, out, boxes=None, bundle=None):
    words = ["--ct", material / "abdomen.nrrd", "--roi", boxes or material / "boxes.mrk.json", "--out", out]
    words += ["--bundle", bundle or material / "bundle", "--device", "cpu", "--precision", "float32"]
    return [str(word) for word in words]


def test_the_script_gives_the_files_that_the_command_gives(material, tmp_path):
    import SimpleITK

    by_nodes = as_slicer_runs_it(*job(material, tmp_path / "nodes"))
    assert by_nodes.returncode == 0, by_nodes.stderr
    assert cli.main(["synthesize", *job(material, tmp_path / "files")]) == 0
    assert runs.files_below(tmp_path / "nodes") == runs.files_below(tmp_path / "files")
    volumes = sorted((tmp_path / "files").glob("*.nrrd"))
    assert len(volumes) == 2
    for path in volumes:
        expected, found = (SimpleITK.ReadImage(str(folder / path.name)) for folder in (path.parent, tmp_path / "nodes"))
        for geometry in ("GetOrigin", "GetSpacing", "GetDirection"):
            np.testing.assert_allclose(getattr(found, geometry)(), getattr(expected, geometry)(), atol=1e-4)
        pixels = SimpleITK.GetArrayFromImage(expected).astype(int)
        assert np.abs(SimpleITK.GetArrayFromImage(found) - pixels).mean() < 0.01
    for path in (tmp_path / "files").glob("*_sMRT2.json"):
        expected, found = runs.load(path), runs.load(tmp_path / "nodes" / path.name)
        for key in ("input", "model", "request", "warnings"):
            assert found[key] == expected[key], key


def test_a_wrong_word_ends_the_script_with_2():
    ended = as_slicer_runs_it("--nonsense")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_what_the_command_has_made_is_not_made_again(material, tmp_path):
    assert cli.main(["synthesize", *job(material, tmp_path)]) == 0
    made = (tmp_path / "abdomen_L4-L5_sMRT2.nrrd").stat().st_mtime_ns
    assert slicer_batch.main(job(material, tmp_path)) == 0
    assert (tmp_path / "abdomen_L4-L5_sMRT2.nrrd").stat().st_mtime_ns == made


def test_a_box_outside_the_ct_is_1_with_one_sentence(material, tmp_path, capsys):
    far = runs.write_boxes(tmp_path / "far.mrk.json", "L1-L2", centers=[[900.0, 0, 0]])
    assert slicer_batch.main(job(material, tmp_path / "out", boxes=far)) == 1
    assert "lies outside the CT" in capsys.readouterr().err
    assert runs.files_below(tmp_path / "out") == ["report.json"]


@pytest.mark.parametrize("words", [["--ct", "a.nrrd"], ["--slices", "0", "--ct", "a", "--roi", "b", "--out", "c"]])
def test_wrong_usage_is_2_with_one_sentence(words, capsys):
    assert slicer_batch.main(words) == 2
    assert capsys.readouterr().err.count("slicer_batch.py: ") == 1


def test_a_refused_bundle_is_3_and_leaves_nothing(material, tmp_path):
    assert slicer_batch.main(job(material, tmp_path / "out", bundle=tmp_path)) == 3
    assert runs.files_below(tmp_path) == []


def test_help_is_that_of_the_command(capsys):
    assert slicer_batch.main(["--help"]) == 0
    assert "--roi" in capsys.readouterr().out


def test_no_node_is_left_when_a_ct_is_done(material, tmp_path, mrml_scene):
    """One CT after the other must not fill the memory; the first has a box that fails."""
    from CT2MRSynthLib.batch import run_job
    from CT2MRSynthLib.job import Options, job_from_paths
    from CT2MRSynthLib.scene.steps import SceneSteps

    was = nodes_of(mrml_scene)
    boxes = runs.write_boxes(tmp_path / "b.mrk.json", "L1-L2", "L3-L4", centers=[[900.0, 0, 0], [0.0, 0, 0]])
    options = Options(bundle=material / "bundle", device="cpu", precision="float32")
    cts = [str(material / "abdomen.nrrd"), str(runs.write_ct(tmp_path / "other.nrrd", seed=1))]
    report = run_job(job_from_paths(cts, [str(boxes)], tmp_path / "out", options), steps=SceneSteps(mrml_scene))
    assert [[box["status"] for box in ct["boxes"]] for ct in report["cts"]] == [["failed", "written"]] * 2
    assert nodes_of(mrml_scene) == was


def nodes_of(scene) -> list[str]:
    return [scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())]


def test_the_node_shares_its_voxels_and_keeps_them(mrml_scene):
    import gc

    from CT2MRSynthLib.scene.volumes import node_from_volume, volume_from_node
    from CT2MRSynthLib.volume import Volume

    node = node_from_volume(mrml_scene, Volume(runs.hounsfield(40), runs.geometry(40)))
    gc.collect()
    rubbish = [np.full(64000, 7, np.int16) for _ in range(50)]
    np.testing.assert_array_equal(volume_from_node(node).array, runs.hounsfield(40))
    assert len(rubbish) == 50
