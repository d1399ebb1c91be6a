"""Whether the chosen volume is a CT, said as soon as it is chosen."""

from __future__ import annotations

from slicer.i18n import tr as _


class CTCheck:
    """Looks at a volume once and remembers, since the panel asks often and looking takes a moment."""

    def __init__(self) -> None:
        self.is_ct = False
        self.message = ""
        self._seen = None

    def look_at(self, node) -> None:
        """Judge a volume.

        Args:
            node: ``vtkMRMLScalarVolumeNode`` or None.
        """
        state = self._state(node)
        if state == self._seen and node is not None:
            return
        self._seen = state
        self.is_ct, self.message = (False, "") if node is None else self._judged(node)

    def _judged(self, node) -> tuple[bool, str]:
        from CT2MRSynthLib.ctcheck import check_is_ct
        from CT2MRSynthLib.errors import InputError
        from CT2MRSynthLib.scene.results import CT_ROLE
        from CT2MRSynthLib.scene.volumes import volume_from_node

        if node.GetNodeReferenceID(CT_ROLE):
            return False, _("{name} is a synthetic MR itself; choose the CT.").format(name=node.GetName())
        try:
            return True, "\n".join(check_is_ct(volume_from_node(node)))
        except InputError as error:
            return False, str(error)

    @staticmethod
    def _state(node):
        """What tells a volume from another one, and from itself with other voxels."""
        image = node.GetImageData() if node is not None else None
        return (node.GetID(), image.GetMTime()) if image is not None else None
