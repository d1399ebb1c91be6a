"""MetaImage and NRRD that are cut off or damaged: one sentence, nothing else on the terminal, no wrong voxels."""

import re

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_samples import body_ct

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio import read_ct

HU = body_ct()


def save(path, compress=False):
    sitk.WriteImage(sitk.GetImageFromArray(HU), str(path), compress)
    return path


def data_of(path):
    """The file with the voxels: the one beside a detached header, else the file itself."""
    return next((file for file in path.parent.iterdir() if file != path), path)


def edit(path, old: bytes, new: bytes):
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def refusal(path, capfd) -> str:
    with pytest.raises(InputError) as caught:
        read_ct(path)
    assert capfd.readouterr() == ("", "")
    sentence = str(caught.value)
    assert "\n" not in sentence and path.name in sentence
    return sentence


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("ending", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("kept", [0.003, 0.5, -20])
def test_what_is_cut_off_is_told_in_one_sentence_alone(tmp_path, capfd, ending, compress, kept):
    path = save(tmp_path / f"cut{ending}", compress)
    data = data_of(path)
    content = data.read_bytes()
    data.write_bytes(content[: kept if kept < 0 else int(len(content) * kept)])
    assert "cut off" in refusal(path, capfd)


def test_the_sentence_counts_the_bytes(tmp_path, capfd):
    path = save(tmp_path / "a.mha")
    path.write_bytes(path.read_bytes()[:-7])
    assert f"announces {HU.nbytes} bytes of voxels but only {HU.nbytes - 7} follow" in refusal(path, capfd)


@pytest.mark.parametrize("ending", [".mha", ".mhd", ".nrrd", ".nhdr"])
def test_a_flipped_bit_in_compressed_voxels_is_refused(tmp_path, capfd, ending):
    path = save(tmp_path / f"flip{ending}", compress=True)
    data = data_of(path)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0x10
    data.write_bytes(content)
    assert "damaged" in refusal(path, capfd)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    "old, new",
    [
        (b"DimSize = 64 64 12", b"DimSize = 64 64 13"),
        (b"DimSize = 64 64 12", b"DimSize = 640000 640000 12"),
        (b"DimSize = 64 64 12", b"DimSize = 64 64 -12"),
        (b"DimSize = 64 64 12", b"DimSize = 64 64"),
        (b"DimSize = ", b"Size = "),
        (b"NDims = 3\n", b""),
        (b"MET_SHORT", b"MET_LONG"),
        (b"MET_SHORT", b"MET_NOTHING"),
        (b"BinaryData = True", b"BinaryData = False"),
        (b"ElementDataFile = LOCAL", b"ElementDataFile = gone.raw"),
    ],
)
def test_a_header_that_contradicts_its_voxels_is_refused(tmp_path, capfd, old, new, compress):
    path = save(tmp_path / "a.mha", compress)
    edit(path, old, new)
    refusal(path, capfd)


def test_compressed_voxels_of_unknown_length_are_refused(tmp_path, capfd):
    path = save(tmp_path / "a.mha", compress=True)
    size = re.search(rb"CompressedDataSize.*\n", path.read_bytes())[0]
    edit(path, size, b"")
    assert "CompressedDataSize" in refusal(path, capfd)


@pytest.mark.parametrize(
    "old, new",
    [
        (b"ElementDataFile = LOCAL", b"ElementDataFile = Local\r"),
        (b"BinaryData = True\n", b""),
        (b"DimSize = ", b"DimSize: "),
        (b"ElementDataFile", b"HeaderSize = -1\nElementDataFile"),
    ],
)
def test_other_ways_to_write_a_header_are_read(tmp_path, old, new):
    path = save(tmp_path / "a.mha")
    edit(path, old, new)
    np.testing.assert_array_equal(read_ct(path).array, HU)


@pytest.mark.parametrize("names", [b"LIST\n" + b"\n".join(b"s%02d.raw" % k for k in range(12)), b"s%02d.raw 0 11 1"])
def test_one_file_for_each_slice_is_read(tmp_path, capfd, names):
    path = save(tmp_path / "a.mhd")
    for k, plane in enumerate(HU):
        (tmp_path / f"s{k:02d}.raw").write_bytes(plane.tobytes())
    edit(path, b"a.raw", names)
    np.testing.assert_array_equal(read_ct(path).array, HU)
    if b"LIST" in names:
        (tmp_path / "s05.raw").write_bytes(HU[5].tobytes()[:-1])
        assert "'s05.raw'" in refusal(path, capfd)
