"""The script for Slicer, run here on a bare scene: the same arguments, files and exit status as the command."""

import os
import subprocess
import sys

import numpy as np
import pytest
import runs

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("torch", reason="no torch")

SCRIPT = runs.ROOT / "CT2MRSynthLib" / "slicer_batch.py"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("material")
    runs.write_bundle(folder / "bundle")
    runs.write_ct(folder / "abdomen.nrrd")
    runs.write_boxes(folder / "boxes.mrk.json", "L3-L4", "L4-L5")
    return folder


def run_script(*words):
    """The script as Slicer runs it: by its path, from anywhere, with ``--`` before the arguments."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--", *map(str, words), "--device", "cpu", "--precision", "float32"],
        env={**environment, "OMP_NUM_THREADS": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
    )


def job(material, out):
    return [
        "--ct",
        material / "abdomen.nrrd",
        "--roi",
        material / "boxes.mrk.json",
        "--out",
        out,
        "--bundle",
        material / "bundle",
    ]


def test_nodes_give_the_files_that_the_command_gives(material, tmp_path):
    from CT2MRSynthLib.imageio import read_ct

    by_nodes = run_script(*job(material, tmp_path / "nodes"))
    assert by_nodes.returncode == 0, by_nodes.stderr
    by_files = runs.run(*job(material, tmp_path / "files"))
    assert by_files.returncode == 0, by_files.stderr
    assert runs.files_below(tmp_path / "nodes") == runs.files_below(tmp_path / "files")
    volumes = sorted((tmp_path / "files").glob("*.nrrd"))
    assert len(volumes) == 2
    for path in volumes:
        expected, found = read_ct(path), read_ct(tmp_path / "nodes" / path.name)
        np.testing.assert_allclose(found.ijk_to_ras, expected.ijk_to_ras, atol=1e-6)
        np.testing.assert_array_equal(found.array, expected.array)
    for path in (tmp_path / "files").glob("*_sMRT2.json"):
        expected, found = runs.load(path), runs.load(tmp_path / "nodes" / path.name)
        for key in ("box", "grid", "input", "model", "request", "warnings"):
            assert found[key] == expected[key], key


def test_what_the_command_has_made_is_not_made_again(material, tmp_path):
    assert runs.run(*job(material, tmp_path)).returncode == 0
    made = (tmp_path / "abdomen_L4-L5_sMRT2.nrrd").stat().st_mtime_ns
    assert run_script(*job(material, tmp_path)).returncode == 0
    assert (tmp_path / "abdomen_L4-L5_sMRT2.nrrd").stat().st_mtime_ns == made


def test_a_box_outside_the_ct_is_1_with_one_sentence(material, tmp_path):
    runs.write_boxes(tmp_path / "far.mrk.json", "L1-L2", centers=[[900.0, 0, 0]])
    words = ["--ct", material / "abdomen.nrrd", "--roi", tmp_path / "far.mrk.json", "--out", tmp_path / "out"]
    ended = run_script(*words, "--bundle", material / "bundle")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert runs.files_below(tmp_path / "out") == ["report.json"]


@pytest.mark.parametrize(
    "words", [["--nonsense"], ["--ct", "a.nrrd"], ["--slices", "0", "--ct", "a", "--roi", "b", "--out", "c"]]
)
def test_wrong_usage_is_2(words):
    ended = run_script(*words)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_a_refused_bundle_is_3_and_leaves_nothing(material, tmp_path):
    words = ["--ct", material / "abdomen.nrrd", "--roi", material / "boxes.mrk.json", "--out", tmp_path / "out"]
    ended = run_script(*words, "--bundle", tmp_path)
    assert ended.returncode == 3
    assert not (tmp_path / "out").exists()


def test_help_is_that_of_the_command():
    ended = run_script("--help")
    assert ended.returncode == 0
    assert "--roi" in ended.stdout


def test_the_node_shares_its_voxels_and_keeps_them(mrml_scene):
    import gc

    from CT2MRSynthLib.scene.volumes import node_from_volume, volume_from_node
    from CT2MRSynthLib.volume import Volume

    node = node_from_volume(mrml_scene, Volume(runs.hounsfield(40), runs.geometry(40)))
    gc.collect()
    rubbish = [np.full(64000, 7, np.int16) for _ in range(50)]
    np.testing.assert_array_equal(volume_from_node(node).array, runs.hounsfield(40))
    assert len(rubbish) == 50
