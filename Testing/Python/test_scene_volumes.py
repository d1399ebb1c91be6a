import numpy as np
import pytest
from bodies import asymmetric_hounsfield, body, oblique_frame, tilted_axes

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio import read_ct, write_volume
from CT2MRSynthLib.resample import resample

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
from scenes import add_ct, put_under_grid_transform, put_under_linear_transform

from CT2MRSynthLib.scene.volumes import volume_from_node

MOVED = np.eye(4)
MOVED[:3, :3] = tilted_axes(5, -12, 20).T
MOVED[:3, 3] = [40, -7, 12]


def grid_points(grid):
    k, j, i = np.mgrid[0 : grid.size[2], 0 : grid.size[1], 0 : grid.size[0]]
    ijk = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1)
    return ijk @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]


def sampled_and_true(volume, own_points):
    """Sampled values of an oblique slice, and the field at ``own_points`` of its world points."""
    grid = oblique_frame((40, 40, 4)).grid(1, 48)
    values = resample(volume, grid, thickness=0.1)
    assert values.outside_fraction == 0
    return values.array.ravel(), asymmetric_hounsfield(own_points(grid_points(grid)))


def test_voxels_are_shared_not_copied(mrml_scene):
    node = add_ct(mrml_scene, body())
    volume = volume_from_node(node)
    volume.array[3, 2, 1] = 777
    assert node.GetImageData().GetScalarComponentAsDouble(1, 2, 3, 0) == 777


def test_one_ct_gives_one_picture_from_every_file_format_and_from_a_node(mrml_scene, tmp_path):
    ct = body(axes=tilted_axes(4, 11, -6))
    grid = oblique_frame((40, 40, 4)).grid(1, 48)
    expected = resample(ct, grid).array
    assert np.abs(expected - expected[:, :, ::-1]).mean() > 20  # a picture that tells left from right
    copies = [
        read_ct(write_volume(tmp_path / f"ct{ending}", ct.array, ct.ijk_to_ras)) for ending in (".nrrd", ".nii.gz")
    ]
    for copy in (*copies, volume_from_node(add_ct(mrml_scene, ct))):
        np.testing.assert_allclose(resample(copy, grid).array, expected, atol=0.05)


def test_voxels_outlive_the_node(mrml_scene):
    node = add_ct(mrml_scene, body())
    volume = volume_from_node(node)
    mrml_scene.RemoveNode(node)
    del node
    np.testing.assert_array_equal(volume.array, body().array)


def test_a_node_without_transform_keeps_its_geometry(mrml_scene):
    source = body(axes=tilted_axes(10, 25, -30))
    volume = volume_from_node(add_ct(mrml_scene, source, "Abdomen"))
    np.testing.assert_allclose(volume.ijk_to_ras, source.ijk_to_ras, atol=1e-9)
    assert volume.world_to_volume is None
    assert volume.name == "Abdomen"


def test_linear_transforms_become_part_of_the_matrix(mrml_scene):
    node = add_ct(mrml_scene, body())
    put_under_linear_transform(node, MOVED)
    shift = np.eye(4)
    shift[2, 3] = -6.0
    put_under_linear_transform(node, shift)
    volume = volume_from_node(node)
    np.testing.assert_allclose(volume.ijk_to_ras, shift @ MOVED @ body().ijk_to_ras, atol=1e-9)
    assert volume.world_to_volume is None


def test_a_grid_transform_by_10_mm_moves_the_content_by_10_mm(mrml_scene):
    node = add_ct(mrml_scene, body(size=(90, 82, 75)))
    put_under_grid_transform(node, lambda p: np.tile([10.0, -4.0, 3.0], (len(p), 1)))
    values, truth = sampled_and_true(volume_from_node(node), lambda world: world - [10.0, -4.0, 3.0])
    assert np.abs(values - truth).mean() < 3
    assert np.abs(values - asymmetric_hounsfield_at_rest()).mean() > 30


def asymmetric_hounsfield_at_rest():
    return asymmetric_hounsfield(grid_points(oblique_frame((40, 40, 4)).grid(1, 48)))


def test_a_bent_transform_under_a_linear_one_is_sampled_through_both(mrml_scene):
    """The field is bent by a displacement that can be inverted by hand: x moves by a function of z alone."""
    node = add_ct(mrml_scene, body(size=(90, 82, 75)))
    put_under_grid_transform(
        node, lambda p: np.stack([6 * np.sin(p[:, 2] / 40), 0 * p[:, 0], 0 * p[:, 0]], axis=1), 100, 4
    )
    shift = np.eye(4)
    shift[:3, 3] = [3.0, 5.0, -8.0]
    put_under_linear_transform(node, shift)

    def unbent(world):
        bent = world - [3.0, 5.0, -8.0]
        return bent - np.stack([6 * np.sin(bent[:, 2] / 40), 0 * bent[:, 0], 0 * bent[:, 0]], axis=1)

    values, truth = sampled_and_true(volume_from_node(node), unbent)
    assert np.abs(values - truth).mean() < 3


def test_modality_comes_from_the_subject_hierarchy(mrml_scene):
    import slicer

    node = add_ct(mrml_scene, body(), study="Lumbar")
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    assert volume_from_node(node).modality == ""
    tree.SetItemAttribute(tree.GetItemByDataNode(node), "DICOM.Modality", "MR")
    assert volume_from_node(node).modality == "MR"


@pytest.mark.parametrize("kind", ["vtkMRMLLabelMapVolumeNode", "vtkMRMLModelNode", "vtkMRMLScalarVolumeNode", None])
def test_what_is_no_ct_volume_is_refused_by_name(mrml_scene, kind):
    node = mrml_scene.AddNewNodeByClass(kind, "Something") if kind else None
    with pytest.raises(InputError, match="Something|Nothing"):
        volume_from_node(node)
