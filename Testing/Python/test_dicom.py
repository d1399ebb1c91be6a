"""DICOM in: order, geometry and Hounsfield units follow the tags; what is incomplete is refused in words."""

import shutil
import zipfile

import numpy as np
import pytest
from dicom_samples import (
    PATIENT,
    PATIENT_ID,
    body_ct,
    write_mr,
    write_multiframe,
    write_report,
    write_series,
)
from refusals import refusal

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.imageio import list_series, read_ct

HU = body_ct()
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def test_hounsfield_units_and_matrix_follow_the_tags(tmp_path):
    write_series(tmp_path / "ct", HU, origin=(-30, -40, 100), spacing=(0.8, 0.7), step=(0, 0, 2.5))
    volume = read_ct(tmp_path / "ct")
    expected = np.array([[0.7, 0, 0, -30], [0, 0.8, 0, -40], [0, 0, 2.5, 100], [0, 0, 0, 1]])
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, HU)
    np.testing.assert_allclose(volume.ijk_to_ras, LPS_TO_RAS @ expected, atol=1e-6)
    assert (volume.name, volume.modality, volume.notes) == ("ct", "CT", ())


def test_order_of_slices_follows_position_not_file_name(tmp_path):
    files = write_series(tmp_path, HU)
    order = np.random.default_rng(1).permutation(len(files))
    for new, old in enumerate(order):
        files[old].rename(tmp_path / f"z{new}")  # and without an extension
    np.testing.assert_array_equal(read_ct(tmp_path).array, HU)


@pytest.mark.parametrize(
    "orientation, step",
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, -2.5)),  # stored from head to feet
        ((-1, 0, 0, 0, -1, 0), (0, 0, 2.5)),  # prone
        ((-1, 0, 0, 0, 1, 0), (0, 0, 2.5)),  # feet first
        ((1, 0, 0, 0, 0, -1), (0, 2.5, 0)),  # coronal
        ((0, 1, 0, 0, 0, -1), (2.5, 0, 0)),  # sagittal
        ((1, 0, 0, 0, 0.96, -0.28), (0, 0.7, 2.4)),  # oblique
    ],
)
def test_each_voxel_lies_where_its_slice_says(tmp_path, orientation, step):
    write_series(tmp_path, HU, orientation=orientation, step=step)
    volume = read_ct(tmp_path)
    row, column = np.reshape(orientation, (2, 3))
    for k, j, i in [(0, 0, 0), (3, 10, 20), (11, 63, 5)]:
        lps = np.array([-30, -40, 100]) + k * np.array(step) + i * 0.7 * row + j * 0.8 * column
        ijk = volume.world_to_ijk((lps * [-1, -1, 1])[None])[0]
        np.testing.assert_allclose(ijk, np.rint(ijk), atol=1e-4)
        found = tuple(np.rint(ijk[::-1]).astype(int))
        assert volume.array[found] == HU[k, j, i]


def test_matrix_agrees_with_simpleitk(tmp_path):
    import SimpleITK as sitk

    files = write_series(tmp_path, HU, orientation=(1, 0, 0, 0, 0.96, -0.28), step=(0, 0.7, 2.4))
    image = sitk.ReadImage([str(file) for file in files])
    volume = read_ct(tmp_path)
    for index in [(0, 0, 0), (63, 0, 0), (0, 63, 11), (5, 7, 9)]:
        ras = np.array(image.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
        np.testing.assert_allclose(volume.world_to_ijk(ras[None])[0], index, atol=1e-3)


def test_tilted_gantry_is_followed_by_a_sheared_matrix(tmp_path):
    tilt = np.radians(15)
    write_series(tmp_path, HU, orientation=(1, 0, 0, 0, np.cos(tilt), -np.sin(tilt)), step=(0, 0, 2.5))
    volume = read_ct(tmp_path)
    np.testing.assert_allclose(volume.ijk_to_ras[:3, 2], [0, 0, 2.5], atol=1e-6)
    np.testing.assert_allclose(volume.ijk_to_ras[:3, 1], [0, -0.8 * np.cos(tilt), -0.8 * np.sin(tilt)], atol=1e-6)
    assert any("tilted" in note and "15.0" in note for note in volume.notes)
    np.testing.assert_array_equal(volume.array, HU)


def test_rounded_positions_are_no_uneven_stack(tmp_path):
    files = write_series(tmp_path, HU, step=(0, 0, 0.625))
    import pydicom

    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.ImagePositionPatient = [f"{float(value):.1f}" for value in dataset.ImagePositionPatient]
        dataset.save_as(file)
    assert read_ct(tmp_path).spacing[2] == pytest.approx(0.625, abs=0.01)


def test_rescale_that_differs_by_slice_is_honored(tmp_path):
    write_series(tmp_path, HU, intercept=[-1000 - index for index in range(len(HU))])
    np.testing.assert_array_equal(read_ct(tmp_path).array, HU)


def test_fractional_slope_keeps_its_fractions(tmp_path):
    write_series(tmp_path, HU, slope=0.5, intercept=-1000.5)
    volume = read_ct(tmp_path)
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, HU, atol=0.25)


@pytest.mark.parametrize("stored", ["signed", "unsigned", "packed", "without preamble", "multi-frame", "deflated"])
def test_white_air_is_a_matter_of_display_and_leaves_the_values(tmp_path, stored):
    """MONOCHROME1, which the decoder would turn round."""
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

    ct = tmp_path / "ct"
    files = [write_multiframe(ct / "all.dcm", HU)] if stored == "multi-frame" else write_series(ct, HU)
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.PhotometricInterpretation = "MONOCHROME1"
        if stored == "unsigned":
            dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 0, 12, 11
        elif stored == "packed":
            dataset.compress(RLELossless)
        elif stored == "deflated":
            dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(file)
        if stored == "without preamble":
            file.write_bytes(file.read_bytes()[132:])
    if stored == "deflated":
        assert "MONOCHROME1" in refusal(ct)
    else:
        np.testing.assert_array_equal(read_ct(ct).array, HU)


def test_padding_far_above_metal_becomes_air(tmp_path):
    padded = HU.copy()
    padded[:, :4] = 20000
    write_series(tmp_path, padded, intercept=0.0, PixelPaddingValue=20000)
    volume = read_ct(tmp_path)
    assert (volume.array[:, :4] == -1024).all()
    np.testing.assert_array_equal(volume.array[:, 4:], HU[:, 4:])


def test_padding_that_is_a_plausible_value_changes_nothing(tmp_path):
    write_series(tmp_path, HU, intercept=0.0, PixelPaddingValue=50)  # a wrong tag would punch holes into muscle
    np.testing.assert_array_equal(read_ct(tmp_path).array, HU)


def test_files_that_are_not_dicom_are_passed_over(tmp_path):
    write_series(tmp_path / "a" / "b", HU)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"\x00" * 500)
    (tmp_path / "a" / "empty").touch()
    np.testing.assert_array_equal(read_ct(tmp_path).array, HU)


def test_localizers_reports_and_scouts_are_left_out_and_said_so(tmp_path):
    write_series(tmp_path / "ct", HU)
    write_series(tmp_path / "top", HU[:1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesNumber=1)
    write_series(tmp_path / "scout", HU[:2], SeriesNumber=2, SeriesDescription=PATIENT, series="1.2.3.4711")
    write_report(tmp_path / "report.dcm")
    volume = read_ct(tmp_path)
    np.testing.assert_array_equal(volume.array, HU)
    assert any("localizer" in note for note in volume.notes)
    assert any("too few slices" in note for note in volume.notes)
    assert PATIENT not in repr(volume.notes) and "1.2.3.4711" not in repr(volume.notes)


def test_nothing_of_the_patient_is_carried_along(tmp_path):
    write_series(tmp_path / "case7", HU)
    volume = read_ct(tmp_path / "case7")
    carried = repr((volume.name, volume.modality, volume.notes, list_series(tmp_path / "case7")))
    assert volume.name == "case7"
    assert PATIENT not in carried and PATIENT_ID not in carried


def test_two_series_are_listed_and_one_can_be_chosen(tmp_path):
    write_series(tmp_path / "1", HU, SeriesNumber=5, SeriesDescription="thin", series="1.2.3.4")
    write_mr(tmp_path / "2", SeriesNumber=9, SeriesDescription="t1")
    sentence = refusal(tmp_path, error=UsageError)
    for words in ("2 image series", "[1] number 5 'thin', CT, 12 images", "[2] number 9 't1', MR", "--series"):
        assert words in sentence
    for wanted in (5, "5", "1.2.3.4", "#1", 1):
        np.testing.assert_array_equal(read_ct(tmp_path, wanted).array, HU)
    assert read_ct(tmp_path, "9").modality == "MR"
    assert "fits none" in refusal(tmp_path, 7, UsageError)
    assert [(one.number, one.modality, one.image_count) for one in list_series(tmp_path)] == [
        (5, "CT", 12),
        (9, "MR", 12),
    ]


def test_number_of_one_series_and_place_of_another_is_not_guessed(tmp_path):
    write_series(tmp_path / "1", HU, SeriesNumber=2)
    write_series(tmp_path / "2", HU + 1, SeriesNumber=3)
    assert "more than one" in refusal(tmp_path, "2", UsageError)
    np.testing.assert_array_equal(read_ct(tmp_path, "#2").array, HU + 1)


def test_missing_slices_are_named_by_position(tmp_path):
    files = write_series(tmp_path, HU)
    for index in (3, 4, 8):
        files[index].unlink()
    sentence = refusal(tmp_path)
    assert "3 slices are missing at S 107.5 mm, S 110.0 mm, S 120.0 mm" in sentence


def test_duplicate_positions_are_refused(tmp_path):
    files = write_series(tmp_path, HU)
    shutil.copy(files[3], tmp_path / "copy.dcm")
    sentence = refusal(tmp_path)
    assert "duplicate" in sentence and "S 107.5 mm" in sentence and "copy.dcm" in sentence


def test_uneven_distances_are_refused(tmp_path):
    write_series(tmp_path / "a", HU[:6], series="1.2.3")
    write_series(tmp_path / "b", HU[6:], series="1.2.3", origin=(-30, -40, 115.8), step=(0, 0, 3.3))
    assert "2.5 to 3.3 mm" in refusal(tmp_path)


@pytest.mark.parametrize(
    "words, hu, tags",
    [
        ("sizes: 64 x 32, 64 x 64", HU[6:, :32], {}),
        ("pixel spacings", HU[6:], {"spacing": (0.9, 0.9)}),
        ("orientations", HU[6:], {"orientation": (1, 0, 0, 0, 0.96, -0.28)}),
    ],
)
def test_mixed_slices_are_refused(tmp_path, words, hu, tags):
    write_series(tmp_path / "a", HU[:6], series="1.2.3")
    write_series(tmp_path / "b", hu, series="1.2.3", origin=(-30, -40, 115), **tags)
    assert words in refusal(tmp_path)


@pytest.mark.parametrize(
    "words, keyword, values",
    [
        ("2 patients", "PatientID", (PATIENT_ID, "PID-4712")),
        ("2 coordinate systems", "FrameOfReferenceUID", ("1.2.40.1", "1.2.40.2")),
    ],
)
def test_what_only_shares_a_series_uid_is_refused_and_not_named(tmp_path, words, keyword, values):
    write_series(tmp_path / "a", HU[:6], series="1.2.3", **{keyword: values[0]})
    write_series(tmp_path / "b", HU[6:], series="1.2.3", origin=(-30, -40, 115), **{keyword: values[1]})
    sentence = refusal(tmp_path)
    assert words in sentence and not any(value in sentence for value in values)
    for value in (values[0], ""):  # the same, or not given in some of the files
        write_series(tmp_path / "b", HU[6:], series="1.2.3", origin=(-30, -40, 115), **{keyword: value})
        np.testing.assert_array_equal(read_ct(tmp_path).array, HU)


def test_too_few_slices_are_refused(tmp_path):
    write_series(tmp_path, HU[:2])
    assert "2 slices" in refusal(tmp_path)


def test_one_slice_of_a_series_asks_for_its_folder(tmp_path):
    files = write_series(tmp_path / "ct", HU)
    assert "single slice" in (sentence := refusal(files[3])) and str(tmp_path / "ct") in sentence


@pytest.mark.parametrize("kept", [140, 300, 400, 500, 700, 900, 5000, -200, -10, -1])
def test_a_slice_cut_off_anywhere_is_refused(tmp_path, kept):
    files = write_series(tmp_path, HU)
    files[4].write_bytes(files[4].read_bytes()[:kept])
    refusal(tmp_path)


def test_an_outermost_slice_that_is_no_dicom_any_more_is_mentioned(tmp_path):
    files = write_series(tmp_path, HU)
    files[-1].write_bytes(b"")
    volume = read_ct(tmp_path)
    assert len(volume.array) == len(HU) - 1
    assert any("Left out 1 file" in note for note in volume.notes)


def test_an_impossible_number_of_frames_is_refused_at_once(tmp_path):
    write_series(tmp_path, HU, NumberOfFrames=2_000_000_000)
    assert "2000000000 frames" in refusal(tmp_path)


def test_color_pictures_in_dicom_are_refused(tmp_path):
    rgb = np.zeros((12, 8, 8), dtype=np.int16)
    write_series(tmp_path, rgb, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    assert "12 x color picture" in refusal(tmp_path)


def test_folder_with_reports_only_is_refused(tmp_path):
    write_report(tmp_path / "report.dcm")
    assert "report" in refusal(tmp_path)
    assert "report" in refusal(tmp_path / "report.dcm")


def test_multiframe_file_equals_its_slices(tmp_path):
    file = write_multiframe(tmp_path / "all.dcm", HU)
    write_series(tmp_path / "single", HU)
    one, many = read_ct(file), read_ct(tmp_path / "single")
    np.testing.assert_array_equal(one.array, many.array)
    np.testing.assert_allclose(one.ijk_to_ras, many.ijk_to_ras, atol=1e-6)
    assert one.name == "all"


def test_frames_are_sorted_and_rescaled_one_by_one(tmp_path):
    order = [3, 1, 2, 0, *range(11, 3, -1)]
    file = write_multiframe(tmp_path / "all.dcm", HU, order=order, intercepts=[-1000.0 - k for k in range(12)])
    np.testing.assert_array_equal(read_ct(file).array, HU)


def test_a_reader_that_stops_stops_the_reading(tmp_path):
    write_series(tmp_path, HU)

    def stop(_share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_ct(tmp_path, progress=stop)


def test_progress_ends_at_one(tmp_path):
    write_series(tmp_path, HU)
    shares = []
    read_ct(tmp_path, progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) == len(HU)


def test_real_dicom_ct_lies_where_simpleitk_puts_it(shared_data, tmp_path):
    import SimpleITK as sitk

    archive = shared_data / "ct" / "abdomen_pelvis_5mm_dicom.zip"
    volume = read_ct(archive)
    with zipfile.ZipFile(archive) as content:
        content.extractall(tmp_path)
    folder = next(file for file in tmp_path.rglob("*.dcm")).parent
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    array = sitk.GetArrayViewFromImage(image)
    for k, j, i in [(0, 0, 0), (40, 100, 300), (74, 511, 511)]:
        ras = np.array(image.TransformIndexToPhysicalPoint((i, j, k))) * [-1, -1, 1]
        ijk = volume.world_to_ijk(ras[None])[0]
        np.testing.assert_allclose(ijk, np.rint(ijk), atol=1e-3)
        assert volume.array[tuple(np.rint(ijk[::-1]).astype(int))] == array[k, j, i]


def test_real_jpeg2000_slices_are_read_and_a_cut_one_is_refused(shared_data, tmp_path):
    with zipfile.ZipFile(shared_data / "ct" / "abdomen_thin_dicom.zip") as content:
        names = sorted(name for name in content.namelist() if name.endswith(".dcm"))[:6]
        content.extractall(tmp_path, names)
    volume = read_ct(tmp_path)
    assert volume.array.shape == (6, 512, 512)
    assert volume.array.min() == -1000 and abs(np.median(volume.array[:, 200:300, 200:300])) < 150
    file = tmp_path / names[2]
    file.write_bytes(file.read_bytes()[:-5000])
    assert "cut off" in refusal(tmp_path)
