import json

import numpy as np
import pytest
from curated import ct_of, mr_of, write, write_patient
from dicom_samples import body_ct, write_mr, write_series

from CT2MRSynthLib.curation.patients import find_patients
from CT2MRSynthLib.curation.scans import hash_sources, read_scans
from CT2MRSynthLib.errors import InputError


def names(sources) -> list[str]:
    return [source.path.name for source in sources]


def test_sub_folders_and_files_side_by_side_give_the_same_patients(tmp_path):
    small = {"size": (24, 22, 8), "spacing": (7, 7, 8)}
    for seed, code in enumerate(("A1", "A10"), 1):
        for folder, prefix in ((tmp_path / "sub" / code, ""), (tmp_path / "flat", f"{code}_")):
            write(folder / f"{prefix}CT.nii.gz", ct_of(seed, **small))
            write(folder / f"{prefix}MR_T2.nii.gz", mr_of(seed, **small))
            (folder / f"{prefix}L4-L5.mrk.json").write_text("{}")
            write(folder / f"{prefix}MR_labels.nii.gz", ct_of(seed, **small))
    (tmp_path / "flat" / "README.txt").write_text("not a scan")
    sub, flat = (find_patients(tmp_path / kind) for kind in ("sub", "flat"))
    assert [p.code for p in sub] == [p.code for p in flat] == ["A1", "A10"]
    assert [names(p.mr) for p in flat] == [["A1_MR_T2.nii.gz"], ["A10_MR_T2.nii.gz"]]  # no labels, none of another
    assert [hash_sources(p) for p in sub] == [hash_sources(p) for p in flat]
    assert len(flat[0].markups) == 1


def test_dicom_series_in_one_folder_are_told_apart_by_their_modality(tmp_path):
    folder = tmp_path / "P1"
    write_series(folder, body_ct(12), Modality="CT", names="A{:04d}", StudyDate="20200103")
    mr = np.abs(body_ct(6) + 1100).astype(np.int16)
    write_series(
        folder, mr, Modality="MR", intercept=0, names="B{:04d}", SeriesDescription="t2_tse_tra", StudyDate="20200101"
    )
    write_series(folder, mr, Modality="MR", intercept=0, names="C{:04d}", SeriesDescription="t1_tse_tra")
    (patient,) = find_patients(tmp_path, "T2")
    assert len(patient.mr) == 1 and {path.name[0] for path in patient.mr[0].files} == {"B"}
    (other,) = find_patients(tmp_path, "T1")
    assert {path.name[0] for path in other.mr[0].files} == {"C"}
    assert len(find_patients(tmp_path, "STIR")[0].mr) == 2
    scans = read_scans(patient)
    assert scans.ct.array.min() < -900 and scans.mrs[0].array.shape[0] == 6
    assert scans.days_apart == 2
    before = hash_sources(patient)
    (folder / "B0000").rename(folder / "B9999")
    assert hash_sources(find_patients(tmp_path, "T2")[0]) == before  # of what is in the files, not of their names


def test_a_manifest_lists_patients_wherever_their_files_lie(tmp_path):
    write_patient(tmp_path / "scans")
    content = {"code": "P7", "ct": "scans/CT.nrrd", "mr": ["scans/MR.nrrd"], "markups": "scans/L3-L4.mrk.json"}
    path = tmp_path / "patients.json"
    path.write_text(json.dumps({"patients": [{**content, "days_apart": -2}, {"code": "P8", "ct": "scans/CT.nrrd"}]}))
    first, second = find_patients(path)
    assert (first.code, first.days_apart, names([first.ct, *first.mr])) == ("P7", 2.0, ["CT.nrrd", "MR.nrrd"])
    assert first.markups == (tmp_path / "scans" / "L3-L4.mrk.json",)
    assert "no MR" in second.problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "JSON"),
        ("{}", "no list 'patients'"),
        ('[{"code": "A", "cts": 1}]', "unknown key 'cts'"),
        ('[{"ct": "a.nrrd"}]', "code"),
        ('[{"code": "A", "ct": ["a", "b"]}]', "one path"),
        ('[{"code": "A", "ct": "a", "mr": 3}]', "list of paths"),
        ('[{"code": "A", "ct": "a", "mr": "b", "days_apart": "two"}]', "number of days"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_with_the_place(tmp_path, content, words):
    path = tmp_path / "patients.json"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        find_patients(path)


def test_what_is_missing_or_double_is_said_of_each_patient(tmp_path):
    small = ct_of(size=(24, 22, 8), spacing=(7, 7, 8))
    for name in ("A_CT", "B_MR_T2", "C_CT", "C_MR", "sub/X_CT_to_MR", "two/CT_1", "two/CT_2", "two/MR", "empty/notes"):
        write(tmp_path / f"{name}.nrrd", small)
    problems = {patient.code: patient.problem for patient in find_patients(tmp_path)}
    assert "no MR" in problems["A"] and "no CT" in problems["B"] and not problems["C"]
    assert "both CT and MR" in problems["sub"] and "2 CTs" in problems["two"] and "neither" in problems["empty"]


def test_codes_that_would_share_their_files_are_refused(tmp_path):
    for code in ("P 1", "P_1", "P2"):
        write_patient(tmp_path / code, levels=())
    problems = {patient.code: patient.problem for patient in find_patients(tmp_path)}
    assert sum("code of its own" in problem for problem in problems.values()) == 1 and not problems["P2"]


def test_a_folder_without_patients_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no patient"):
        find_patients(tmp_path)
    with pytest.raises(InputError, match="no folder or manifest"):
        find_patients(tmp_path / "nowhere")


def test_scans_that_are_not_what_they_are_given_as_are_refused(tmp_path):
    write_patient(tmp_path / "swapped")
    (tmp_path / "swapped" / "CT.nrrd").rename(tmp_path / "swapped" / "x")
    (tmp_path / "swapped" / "MR.nrrd").rename(tmp_path / "swapped" / "CT.nrrd")
    (tmp_path / "swapped" / "x").rename(tmp_path / "swapped" / "MR.nrrd")
    write_patient(tmp_path / "two_cts", mr=ct_of(2))
    write_patient(tmp_path / "cut")
    cut = tmp_path / "cut" / "MR.nrrd"
    cut.write_bytes(cut.read_bytes()[:2000])
    for code, words in (("swapped", "exchanged"), ("two_cts", "is a CT by its values"), ("cut", "the MR again")):
        (patient,) = [patient for patient in find_patients(tmp_path) if patient.code == code]
        with pytest.raises(InputError, match=words):
            read_scans(patient)


def test_dicom_files_of_another_kind_do_not_count(tmp_path):
    write_series(tmp_path / "P1" / "ct", body_ct(6), Modality="CT")
    write_mr(tmp_path / "P1" / "mr")
    (patient,) = find_patients(tmp_path)
    assert patient.mr or "MR" in patient.problem
