"""Diagnostics tell what is installed and what failed, and name no user and no patient."""

import getpass
import tempfile
from pathlib import Path

import numpy as np
import pytest

from CT2MRSynthLib import __version__
from CT2MRSynthLib.diagnostics import describe, scrub, versions


def test_versions_are_told_without_importing_what_computes():
    import subprocess
    import sys

    code = (
        "import sys; from CT2MRSynthLib.diagnostics import describe; describe({}, {}, 'cpu');"
        "print([name for name in ('torch', 'numpy', 'SimpleITK') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "[]", done.stderr
    assert versions()["numpy"] == np.__version__


def test_it_holds_what_helps():
    text = describe(
        {"Slicer": "5.12.3"}, {"Model": "Tiny", "SHA-256": "abc"}, "CPU, float32", "It failed.", "KeyError: 'x'"
    )
    for words in (
        f"CT2MRSynth {__version__}",
        "Slicer: 5.12.3",
        "SHA-256: abc",
        "CPU, float32",
        "It failed.",
        "KeyError",
    ):
        assert words in text


@pytest.mark.parametrize(
    "path",
    [
        "/home/hans meier/scans/MEIER_HANS/a.nrrd",
        "C:\\Users\\Hans Meier\\AppData\\Local\\x.py",
        f"{Path.home()}/scans/meier/hans meier/volume.nrrd",
        f"{tempfile.gettempdir()}/meier/x/y/z.npy",
    ],
)
def test_of_paths_two_parts_are_left(path):
    text = scrub(f'File "{path}", line 3, in run')
    assert "eier" not in text.split(".../", 1)[1].split("/")[-1]
    assert str(Path.home()) + "/" not in text and "Users" not in text and "/home" not in text
    assert "line 3, in run" in text and "..." in text
    assert len(text.split('"')[1].split("/")) == 3


def test_names_of_volumes_and_boxes_are_left_out_but_levels_stay():
    text = scrub("The box 'L4-L5' lies outside the CT 'Meier_Hans'; Meier_Hans2 too.", ["Meier_Hans", "L4-L5"])
    assert text == "The box 'L4-L5' lies outside the CT '<name>'; Meier_Hans2 too."


def test_the_user_is_left_out(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "hmeier")
    assert "hmeier" not in describe({}, {}, "cpu", "hmeier may not write", "owner: hmeier")


@pytest.mark.parametrize("text", ["CPU, bfloat16, 2 threads", "and/or", "3 % / 4 %", "https://x", "a.b.c"])
def test_what_is_no_path_stays(text):
    assert scrub(text) == text
