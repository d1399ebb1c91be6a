"""The landmarks of simulated subjects lie on what they name, and the crop rule makes the subject's box of them."""

import numpy as np
import pytest

from CT2MRSynthLib.crop import Landmarks as CropLandmarks
from CT2MRSynthLib.crop import crop_box
from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.markups import read_points, write_points
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.tissues import Label

SEEDS = tuple(range(100, 150))
IN_DISC = (Label.ANNULUS, Label.OUTER_ANNULUS, Label.NUCLEUS, Label.VACUUM)
IN_SAC = (Label.CSF, Label.ROOT)
SOLID = (*IN_DISC, Label.MARROW, Label.ARCH_MARROW, Label.CORTEX)

#: How far, in mm, a landmark may be from the edge that it names.
EDGE_TOLERANCE = 0.5

WORN = {"height_loss": 1.0, "protrusion": 1.0, "bulge": 1.0, "osteophytes": 1.0, "stenosis": 0.9, "vacuum": 1.0}


@pytest.fixture(scope="module")
def found():
    """Subject and landmarks of every seed and level; every fifth subject is worn out."""
    subjects = [Subject(seed, WORN if seed % 5 == 0 else None) for seed in SEEDS]
    return [(subject, subject.landmarks(level)) for subject in subjects for level in LEVELS]


def where(subject, landmarks) -> str:
    return f"seed {subject.seed}, {landmarks.level}"


def test_sac_center_lies_in_the_sac_and_disc_points_in_the_disc(found):
    for subject, marks in found:
        label = subject.labels_at(np.array([marks.sac_center, marks.disc_center, *marks.disc_points]))
        assert label[0] in IN_SAC, (where(subject, marks), Label(label[0]).name)
        assert np.isin(label[1:], IN_DISC).all(), (where(subject, marks), [Label(one).name for one in label[1:]])


def test_ventral_and_lateral_points_lie_on_the_edge_of_body_or_disc(found):
    steps = np.linspace(-EDGE_TOLERANCE, EDGE_TOLERANCE, 21)
    for subject, marks in found:
        outward = (marks.axes[1], marks.axes[0], -marks.axes[0])
        points = (marks.ventral_point, *marks.lateral_points)
        lines = np.concatenate([point + np.outer(steps, way) for point, way in zip(points, outward, strict=True)])
        solid, disc = (np.isin(subject.labels_at(lines), kinds).reshape(3, -1) for kinds in (SOLID, IN_DISC))
        # beside the disc below L5 lie the lateral parts of the sacrum: there its own edge is meant
        joined = solid.all(axis=1) & (marks.level == "L5-S1")
        edge = np.where(joined[:, None], disc, solid)
        assert edge[:, :11].any(axis=1).all(), (where(subject, marks), "not on the inner side", edge)
        assert (~edge[:, 10:]).any(axis=1).all(), (where(subject, marks), "not on the outer side", edge)


def test_nothing_of_the_disc_lies_outside_the_ventral_and_lateral_points(found):
    """In the plane of the landmarks, a little farther out along the same axis."""
    for subject, marks in found[::3]:
        width = np.linspace(-0.4, 0.4, 9)[:, None] * (marks.lateral_points[0] - marks.lateral_points[1])
        beyond = marks.ventral_point + 1.5 * marks.axes[1]
        across = marks.disc_center + width + marks.axes[1] * ((beyond - marks.disc_center) @ marks.axes[1])
        assert not np.isin(subject.labels_at(across), IN_DISC).any(), where(subject, marks)


def test_landmarks_have_their_names_sides(found):
    for _, marks in found:
        right, anterior, _ = marks.axes
        along = dict(marks.points())
        assert (along["disc right"] - along["disc left"]) @ right > 15
        assert (along["lateral right"] - along["lateral left"]) @ right > 30
        assert (along["disc front"] - along["disc back"]) @ anterior > 12
        assert (along["ventral"] - along["disc center"]) @ anterior > 10
        assert (along["disc center"] - along["sac"]) @ anterior > 10


def test_the_crop_rule_makes_the_subjects_box(found, tmp_path):
    """Through the file that ``ct2mrsynth crop`` reads."""
    subject = found[0][0]
    path = tmp_path / "landmarks.mrk.json"
    write_points(path, {marks.level: marks.points() for owner, marks in found if owner is subject})
    lists = read_points(path)
    assert list(lists) == list(LEVELS)
    for level, points in lists.items():
        box = crop_box(CropLandmarks.from_points(points), level)
        np.testing.assert_allclose(box.corners(), subject.frame(level).corners(), atol=0.01)


def test_mid_disc_lies_in_the_plane(found):
    """Above and below each point that gives the plane, the disc goes on about equally far."""
    offset = []
    heights = np.arange(-8, 8.01, 0.4)
    for subject, marks in found[::7]:
        columns = np.concatenate([point + np.outer(heights, marks.axes[2]) for point in marks.disc_points])
        for inside in np.isin(subject.labels_at(columns), IN_DISC).reshape(4, -1):
            offset.append(np.mean(heights[inside]))
    assert abs(np.mean(offset)) < 0.7
    assert np.quantile(np.abs(offset), 0.9) < 2.0


def test_an_unknown_level_is_refused():
    with pytest.raises(UsageError, match="L6-S1"):
        Subject(1).landmarks("L6-S1")
