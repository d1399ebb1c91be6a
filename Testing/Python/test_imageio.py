"""Volume files in and out, hashes, and what each bad file is told."""

import gzip
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_samples import body_ct, write_series
from refusals import refusal

from CT2MRSynthLib.errors import InputError, OutputError
from CT2MRSynthLib.imageio import hash_input, list_series, read_ct, write_volume

HU = body_ct()
FORMATS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")

#: Oblique, anisotropic, and with a mirrored axis: left-handed.
OBLIQUE = np.array([[-0.672, 0.0, -0.7, 12.0], [0.0, -0.8, 0.0, -7.5], [-0.196, 0.0, 2.4, 130.25], [0, 0, 0, 1]])
LEFT_HANDED = OBLIQUE @ np.diag([-1.0, 1.0, 1.0, 1.0])


def save(path, array=HU, ijk_to_ras=OBLIQUE, compress=False):
    image = sitk.GetImageFromArray(array)
    lps = np.diag([-1, -1, 1, 1]) @ ijk_to_ras
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path), compress)
    return path


@pytest.mark.parametrize("matrix", [OBLIQUE, LEFT_HANDED], ids=["right-handed", "left-handed"])
@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_volume(tmp_path, ending, matrix):
    volume = read_ct(save(tmp_path / f"my.case{ending}", ijk_to_ras=matrix))
    np.testing.assert_array_equal(volume.array, HU)
    np.testing.assert_allclose(volume.ijk_to_ras, matrix, atol=1e-4)
    assert volume.name == "my.case" and volume.array.dtype == np.int16


def test_whole_values_become_int16_and_fractions_stay(tmp_path):
    assert read_ct(save(tmp_path / "whole.nii", HU.astype(np.float64))).array.dtype == np.int16
    half = read_ct(save(tmp_path / "half.nii", HU.astype(np.float32) + 0.5))
    assert half.array.dtype == np.float32
    np.testing.assert_array_equal(half.array, HU + 0.5)


def test_sheared_nrrd_is_followed(tmp_path):
    sheared = OBLIQUE.copy()
    sheared[1, 2] = 0.6
    np.testing.assert_allclose(
        read_ct(save(tmp_path / "tilted.nrrd", ijk_to_ras=sheared)).ijk_to_ras, sheared, atol=1e-4
    )


@pytest.mark.parametrize("qform", [0, 1])
def test_sheared_nifti_is_refused_not_straightened(tmp_path, qform):
    data = bytearray(save(tmp_path / "tilted.nii", ijk_to_ras=np.eye(4)).read_bytes())
    struct.pack_into("<hh", data, 252, qform, 1)
    struct.pack_into("<12f", data, 280, -0.7, 0, 0, 1, 0, -0.8, 0.6, 2, 0, 0, 2.4, 3)
    (tmp_path / "tilted.nii").write_bytes(data)
    assert "sheared" in refusal(tmp_path / "tilted.nii")


@pytest.mark.parametrize("codes", [(1, 0), (0, 1)], ids=["qform", "sform"])
def test_nifti_with_one_of_its_two_matrices_is_enough(tmp_path, codes):
    data = bytearray(save(tmp_path / "one.nii").read_bytes())
    struct.pack_into("<hh", data, 252, *codes)
    (tmp_path / "one.nii").write_bytes(data)
    np.testing.assert_allclose(read_ct(tmp_path / "one.nii").ijk_to_ras, OBLIQUE, atol=1e-4)


def test_nifti_without_orientation_says_so(tmp_path):
    data = bytearray(save(tmp_path / "none.nii").read_bytes())
    struct.pack_into("<hh", data, 252, 0, 0)
    (tmp_path / "none.nii").write_bytes(data)
    assert any("no orientation" in note for note in read_ct(tmp_path / "none.nii").notes)


def test_nifti_whose_qform_is_followed_against_its_sform_says_so(tmp_path):
    data = bytearray(save(tmp_path / "a.nii").read_bytes())
    assert read_ct(tmp_path / "a.nii").notes == ()
    struct.pack_into("<2h", data, 252, 1, 2)
    (shift,) = struct.unpack_from("<f", data, 292)  # sform, first row
    struct.pack_into("<f", data, 292, shift + 30)
    (tmp_path / "a.nii").write_bytes(data)
    (note,) = read_ct(tmp_path / "a.nii").notes
    assert "apart" in note and ("30.0 mm" in note)


@pytest.mark.parametrize("space", ["", "space dimension: 3", "space: scanner-xyz"])
def test_nrrd_without_anatomical_orientation_says_so(tmp_path, space):
    data = save(tmp_path / "a.nrrd").read_bytes()
    assert read_ct(tmp_path / "a.nrrd").notes == ()
    header, voxels = data.split(b"\n\n", 1)
    lines = [line for line in header.decode().splitlines() if space or not line.startswith("space ")]
    lines = [space if line.startswith("space:") else line for line in lines]
    (tmp_path / "a.nrrd").write_bytes("\n".join(filter(None, lines)).encode() + b"\n\n" + voxels)
    (note,) = read_ct(tmp_path / "a.nrrd").notes
    assert "no orientation" in note


def test_folder_or_zip_with_one_volume_file_is_that_volume(tmp_path):
    import shutil

    (tmp_path / "case").mkdir()
    save(tmp_path / "case" / "scan.nii.gz")
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "case")
    for path, name in ((tmp_path / "case", "case"), (archive, "packed")):
        volume = read_ct(path)
        np.testing.assert_array_equal(volume.array, HU)
        assert volume.name == name
    save(tmp_path / "case" / "other.nrrd")
    assert "2 volume files" in refusal(tmp_path / "case")


# --- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nothing.nii.gz", "nothing", "nothing.zip"])
def test_missing_file_is_named(tmp_path, name):
    assert "There is no file" in (sentence := refusal(tmp_path / name)) and name in sentence


@pytest.mark.parametrize("name", ["empty.nii.gz", "empty.dcm", "empty", "empty.zip", "empty.nrrd"])
def test_empty_file_is_called_empty(tmp_path, name):
    (tmp_path / name).touch()
    assert "empty" in refusal(tmp_path / name)


def test_empty_folder_is_called_empty(tmp_path):
    assert "is empty" in refusal(tmp_path)


def test_folder_without_images_says_what_it_lacks(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    assert "none is DICOM" in refusal(tmp_path)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("kept", [0.003, 0.5, -5])
def test_truncated_file_is_refused(tmp_path, ending, kept, compress):
    path = save(tmp_path / f"cut{ending}", compress=compress)
    data = path.read_bytes()
    path.write_bytes(data[: kept if kept < 0 else int(len(data) * kept)])
    assert "cut off" in refusal(path)


def test_detached_header_without_its_data_is_refused(tmp_path):
    path = save(tmp_path / "scan.mhd")
    (tmp_path / "scan.raw").unlink()
    assert "'scan.raw'" in refusal(path)


def test_flipped_bit_in_gzip_is_refused(tmp_path):
    path = save(tmp_path / "flip.nii.gz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    assert "damaged" in refusal(path)


def _picture(path):
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("letter.txt", b"Dear colleague,\n" * 20, "a text file"),
        ("report.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        ("noise.bin", bytes(range(256)) * 8, "no image"),
        ("letter.nii.gz", b"Dear colleague,\n" * 20, "not what its name says"),
        ("letter.nrrd", b"Dear colleague,\n" * 20, "not what its name says"),
        ("letter.mhd", b"Dear colleague,\n" * 20, "not what its name says"),
        ("letter.zip", b"Dear colleague,\n" * 20, "damaged"),
        ("letter.dcm", b"Dear colleague,\n" * 20, "a text file"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif", "gif"])
def test_photograph_is_called_a_picture(tmp_path, kind):
    _picture(tmp_path / f"photo.{kind}")
    assert "picture" in refusal(tmp_path / f"photo.{kind}")
    (tmp_path / f"photo.{kind}").rename(tmp_path / "photo.nii")
    assert "not what its name says" in refusal(tmp_path / "photo.nii")


def test_gzip_of_something_else_is_refused(tmp_path):
    with gzip.open(tmp_path / "text.nii.gz", "wb") as file:
        file.write(b"text " * 1000)
    assert "not what its name says" in refusal(tmp_path / "text.nii.gz")


def test_color_flat_and_dynamic_images_are_refused(tmp_path):
    image = sitk.GetImageFromArray(HU)
    sitk.WriteImage(sitk.Compose(image, image, image), str(tmp_path / "color.nrrd"))
    sitk.WriteImage(image[:, :, 4], str(tmp_path / "flat.nrrd"))
    sitk.WriteImage(sitk.JoinSeries([image, image]), str(tmp_path / "dynamic.nii"))
    sitk.WriteImage(image[:, :, :2], str(tmp_path / "thin.nii"))
    assert "3 values per voxel" in refusal(tmp_path / "color.nrrd")
    assert "2 dimensions" in refusal(tmp_path / "flat.nrrd")
    assert "4 dimensions" in refusal(tmp_path / "dynamic.nii")
    assert "at least 3" in refusal(tmp_path / "thin.nii")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii", ".nii.gz"])
def test_nan_is_refused_with_its_count(tmp_path, ending, kind):
    holes = HU.astype(kind)
    holes[2, 3, 4:7] = np.nan, np.inf, -np.inf
    assert "in 3 of its voxels" in refusal(save(tmp_path / f"nan{ending}", holes))


def test_impossible_nifti_headers_are_refused(tmp_path):
    whole = save(tmp_path / "a.nii").read_bytes()
    for offset in (float("nan"), -1.0, 1e38):
        (tmp_path / "a.nii").write_bytes(whole[:108] + struct.pack("<f", offset) + whole[112:])
        assert "damaged" in refusal(tmp_path / "a.nii")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_before_it_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "ct.nii")
    assert "neither a file nor a folder" in refusal(tmp_path / "ct.nii")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        hash_input(tmp_path / "ct.nii")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are always Unicode on this system")
def test_names_that_are_no_unicode_are_refused(tmp_path):
    """SimpleITK would end the process."""
    odd = tmp_path / os.fsdecode(b"\xff")
    write_series(odd, HU)
    assert "no valid Unicode" in refusal(odd)
    inside = tmp_path / "ct"
    for file in write_series(inside, HU):
        file.rename(inside / os.fsdecode(b"\xff" + file.name.encode()))
    assert "no valid Unicode" in refusal(inside)
    with pytest.raises(OutputError, match="no valid Unicode"):
        write_volume(odd / "a.nrrd", HU, OBLIQUE)


def test_a_volume_file_has_no_series(tmp_path):
    assert list_series(save(tmp_path / "a.nii")) == ()


# --- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("matrix", [OBLIQUE, LEFT_HANDED], ids=["right-handed", "left-handed"])
@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".nii.gz"])
def test_what_is_written_is_read_back(tmp_path, ending, matrix, dtype):
    array = np.clip(HU, 0, 255).astype(dtype)
    path = write_volume(tmp_path / "new" / f"out{ending}", array, matrix)
    volume = read_ct(path)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.ijk_to_ras, matrix, atol=1e-4)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_one_slice_can_be_written(tmp_path):
    path = write_volume(tmp_path / "slice.nrrd", HU[:1], OBLIQUE)
    assert sitk.ReadImage(str(path)).GetSize() == (64, 64, 1)


def test_the_label_stands_in_the_header(tmp_path):
    label = {"content": "SYNTHETIC - not for diagnosis"}
    assert (
        b"content:=SYNTHETIC - not for diagnosis" in write_volume(tmp_path / "a.nrrd", HU, OBLIQUE, label).read_bytes()
    )
    assert (
        b"SYNTHETIC - not for diagnosis"
        in write_volume(tmp_path / "a.nii", HU, OBLIQUE, label, compress=False).read_bytes()
    )


def test_same_volume_gives_same_bytes(tmp_path):
    first = write_volume(tmp_path / "a.nrrd", HU, OBLIQUE, {"content": "x"}).read_bytes()
    assert write_volume(tmp_path / "b.nrrd", HU, OBLIQUE, {"content": "x"}).read_bytes() == first


def test_format_that_cannot_hold_a_shear_is_refused(tmp_path):
    sheared = OBLIQUE.copy()
    sheared[1, 2] = 0.6
    with pytest.raises(OutputError):
        write_volume(tmp_path / "tilted.nii", HU, sheared)
    assert list(tmp_path.iterdir()) == []
    write_volume(tmp_path / "tilted.nrrd", HU, sheared)


def test_unwritable_folder_is_refused_and_keeps_what_it_had(tmp_path):
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="cannot be written"):
        write_volume(tmp_path / "file" / "out.nrrd", HU, OBLIQUE)
    assert (tmp_path / "file").read_text() == "a file where a folder should be"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="ermission"):
        write_volume(tmp_path / "out.nrrd", HU, OBLIQUE)
    tmp_path.chmod(0o700)


def test_name_without_known_extension_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"\.nrrd"):
        write_volume(tmp_path / "out.png", HU, OBLIQUE)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file size")
@pytest.mark.parametrize("ending, compress", [(".nrrd", True), (".nrrd", False), (".nii.gz", True), (".nii", False)])
def test_full_disk_is_told_and_nothing_is_left(tmp_path, ending, compress):
    """A limit on file size stands in for a full disk: writing fails half-way in the same manner."""
    program = f"""
import resource, signal, sys
import numpy as np
from CT2MRSynthLib.errors import OutputError
from CT2MRSynthLib.imageio import write_volume
import SimpleITK
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(0).integers(0, 255, (8, 64, 64), dtype=np.uint8)
try:
    write_volume(sys.argv[1], noise, np.eye(4), compress={compress})
except OutputError as error:
    print("REFUSED", error)
"""
    path = tmp_path / f"out{ending}"
    path.write_bytes(b"the result of an earlier run")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, env=environment)
    assert result.stdout.startswith("REFUSED"), result.stderr
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"the result of an earlier run"


# --- hashes ------------------------------------------------------------------------------------------------------


def test_hash_of_a_folder_follows_content_not_place_or_order(tmp_path):
    files = write_series(tmp_path / "a", HU)
    (tmp_path / "b").mkdir()
    for file in reversed(files):
        (tmp_path / "b" / file.name).write_bytes(file.read_bytes())
    assert hash_input(tmp_path / "a") == hash_input(tmp_path / "b")
    data = bytearray(files[5].read_bytes())
    data[-1] ^= 1
    files[5].write_bytes(data)
    assert hash_input(tmp_path / "a") != hash_input(tmp_path / "b")


def test_hash_tells_bytes_moved_between_files_apart(tmp_path):
    for folder, contents in (("a", ("12", "3")), ("b", ("1", "23"))):
        (tmp_path / folder).mkdir()
        for name, content in zip("xy", contents, strict=True):
            (tmp_path / folder / name).write_text(content)
    assert hash_input(tmp_path / "a") != hash_input(tmp_path / "b")


def test_hash_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert hash_input(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hash_of_a_detached_header_follows_its_data(tmp_path):
    path = save(tmp_path / "scan.mhd")
    before = hash_input(path)
    data = bytearray((tmp_path / "scan.raw").read_bytes())
    data[100] ^= 1
    (tmp_path / "scan.raw").write_bytes(data)
    assert hash_input(path) != before


def test_hash_of_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        hash_input(tmp_path / "nothing")
