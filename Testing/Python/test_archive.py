"""A CT in a zip archive: read as its folder is, refused before it does harm, nothing left behind."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
from dicom_samples import body_ct, write_series
from refusals import refusal

from CT2MRSynthLib.imageio import archive as archive_module
from CT2MRSynthLib.imageio import read_ct

HU = body_ct()


def test_zip_equals_its_folder_and_leaves_nothing_behind(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    write_series(tmp_path / "ct", HU)
    archive = shutil.make_archive(str(tmp_path / "Case 3"), "zip", tmp_path, "ct")
    volume = read_ct(archive)
    np.testing.assert_array_equal(volume.array, HU)
    assert volume.name == "Case 3"
    write_series(tmp_path / "bad", HU[:2])
    refusal(shutil.make_archive(str(tmp_path / "bad"), "zip", tmp_path, "bad"))
    assert list(scratch.iterdir()) == []


def test_zip_that_reaches_out_of_its_folder_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../outside.dcm", b"x")
    assert "unsafe" in refusal(tmp_path / "evil.zip")
    assert not (tmp_path / "outside.dcm").exists()


def _claim(path: Path, total: float) -> float:
    """Write a zip whose directory claims that its files unpack to a little more than ``total`` bytes."""
    size = 4_000_000_000
    count = int(total // size) + 1
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            archive.writestr(f"{index}.dcm", b"x")
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 24 : place + 28] = size.to_bytes(4, "little")
        place = data.find(b"PK\x01\x02", place + 46)
    path.write_bytes(data)
    return count * size


def test_zip_bomb_is_refused_before_anything_is_unpacked(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr(zipfile.ZipFile, "extract", None)  # to call it is an error
    claimed = _claim(tmp_path / "bomb.zip", archive_module.MAXIMUM_UNPACKED)
    assert f"{claimed / 1e9:.1f} GB, more than the 20 GB" in refusal(tmp_path / "bomb.zip")
    monkeypatch.setattr(archive_module, "MAXIMUM_UNPACKED", float("inf"))
    claimed = _claim(tmp_path / "large.zip", shutil.disk_usage(scratch).free)
    sentence = refusal(tmp_path / "large.zip")
    assert f"{claimed / 1e6:.0f} MB but only" in sentence and "MB are free" in sentence
    assert list(scratch.iterdir()) == []


def test_damaged_zip_is_refused(tmp_path):
    write_series(tmp_path / "ct", HU)
    archive = shutil.make_archive(str(tmp_path / "ct"), "zip", tmp_path, "ct")
    data = bytearray(Path(archive).read_bytes())
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    assert "damaged" in refusal(tmp_path / "cut.zip")
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(data)
    assert "damaged" in refusal(tmp_path / "flipped.zip")
