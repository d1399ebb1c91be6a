"""The module's self-tests, as *Reload and Test* runs them in Slicer, on the stand-in."""

import unittest

import pytest

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("PySide6", reason="no Qt: install PySide6-Essentials")

from standin.install import install  # noqa: E402

install()

from CT2MRSynthLib.panel import selftest  # noqa: E402


class Case(unittest.TestCase):
    """As much of a ScriptedLoadableModuleTest as the bodies need."""

    def delayDisplay(self, message):
        pass


@pytest.mark.parametrize("body", selftest.TESTS, ids=[body.__name__ for body in selftest.TESTS])
def test_self(body, slicer_app):
    selftest.run_one(Case(), body)


@pytest.mark.parametrize(
    "body",
    [selftest.test_the_plane_of_the_red_view_becomes_a_box, selftest.test_landmarks_become_the_box_of_the_crop_rule],
    ids=lambda body: body.__name__,
)
def test_self_without_a_main_window(body, slicer_app_without_window):
    selftest.run_one(Case(), body)
