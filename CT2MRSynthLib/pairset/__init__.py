"""Pair sets: a folder of disc-level CT and MR slices of the same patients, and a manifest that says what each is.

A pair is two image files that Slicer opens in place: the CT in Hounsfield units (int16) and the MR in the CT's space in
grey levels 0 to 255 (uint8), both of 256 x 256 x 1 voxels on one grid. Simulated and curated sets share the format.
"""

from CT2MRSynthLib.pairset.images import is_complete, read_pair, write_pair
from CT2MRSynthLib.pairset.manifest import MANIFEST, PairEntry, PairSet, read_manifest
from CT2MRSynthLib.pairset.split import assign_splits
from CT2MRSynthLib.pairset.writer import PairSetWriter

__all__ = [
    "MANIFEST",
    "PairEntry",
    "PairSet",
    "PairSetWriter",
    "assign_splits",
    "is_complete",
    "read_manifest",
    "read_pair",
    "write_pair",
]
