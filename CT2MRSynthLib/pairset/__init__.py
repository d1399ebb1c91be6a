"""Pair sets: a folder of disc-level CT and MR slices of the same patients, and a manifest that says what each is.

A pair is two image files that Slicer opens in place: the CT in Hounsfield units (int16) and the MR in the CT's space in
grey levels 0 to 255 (uint8), both of 256 x 256 x 1 voxels on one grid. Simulated and curated sets share the format.
"""

import importlib

#: Where each name is: loaded on first use, since a panel lists pairs before anybody needs numpy for their images.
_PLACES = {
    "MANIFEST": "manifest",
    "PairEntry": "manifest",
    "PairSet": "manifest",
    "PairSetWriter": "writer",
    "assign_splits": "split",
    "is_complete": "images",
    "read_manifest": "manifest",
    "read_pair": "images",
    "write_pair": "images",
}

__all__ = list(_PLACES)


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
