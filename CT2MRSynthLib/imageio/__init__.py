"""Image files in and out: a CT from DICOM, NIfTI, NRRD or MetaImage; a volume to NRRD or NIfTI.

SimpleITK and pydicom are imported only when a file is read or written.
"""

from CT2MRSynthLib.imageio.hashing import hash_input
from CT2MRSynthLib.imageio.reading import list_series, read_ct
from CT2MRSynthLib.imageio.writing import write_volume

__all__ = ["hash_input", "list_series", "read_ct", "write_volume"]
