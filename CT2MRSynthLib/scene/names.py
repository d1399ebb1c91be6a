"""What a synthetic volume is known by in a scene: its attributes and node references."""

from __future__ import annotations

PREFIX = "CT2MRSynth."

#: Roles of the node references from a result to what it was made from.
CT_ROLE, BOX_ROLE = "CT2MRSynth.CT", "CT2MRSynth.Box"

#: Attribute of every volume that is not measured but made, with the words to show wherever it is seen.
LABEL_ATTRIBUTE = PREFIX + "Label"

#: Attribute of a result: how it was made, as JSON.
PROVENANCE_ATTRIBUTE = PREFIX + "Provenance"
