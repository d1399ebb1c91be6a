"""The layout with CT and synthetic MR side by side, made known to a scene."""

from __future__ import annotations

#: Number of the layout; those of the application end at 100, other extensions take theirs from 501 on.
LAYOUT = 20512

#: Names of the slice views: of the CT, of the synthetic MR, and of those below the two.
CT_VIEW, MR_VIEW, LOWER_VIEWS = "Red", "CT2MRSynth", ("Yellow", "Green")

_VIEW = """<view class="vtkMRMLSliceNode" singletontag="{name}">
 <property name="orientation" action="default">{orientation}</property>
 <property name="viewlabel" action="default">{label}</property>
 <property name="viewcolor" action="default">{color}</property>
</view>"""

_ROW = '<item splitSize="{size}"><layout type="horizontal"><item>{left}</item><item>{right}</item></layout></item>'


def layout_description() -> str:
    """The layout as XML: CT and synthetic MR above, sagittal and coronal below, in proportion 2:1."""
    red = _VIEW.format(name=CT_VIEW, orientation="Axial", label="R", color="#F34A33")
    mr = _VIEW.format(name=MR_VIEW, orientation="Axial", label="MR", color="#5E9BD6")
    yellow = _VIEW.format(name="Yellow", orientation="Sagittal", label="Y", color="#EDD54C")
    green = _VIEW.format(name="Green", orientation="Coronal", label="G", color="#6EB04B")
    rows = _ROW.format(size=667, left=red, right=mr) + _ROW.format(size=333, left=yellow, right=green)
    return f'<layout type="vertical" split="true">{rows}</layout>'


def register_layout(scene) -> bool:
    """Make the layout known to the layout node of a scene; False where there is none, as without a main window."""
    node = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if node is None:
        return False
    if not node.IsLayoutDescription(LAYOUT):
        node.AddLayoutDescription(LAYOUT, layout_description())
    return True
