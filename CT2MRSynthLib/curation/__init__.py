"""Curation: from CT and MR scans of the same patients to a pair set of disc-level slices.

Patients are found (``patients``), their scans read (``scans``), their disc levels boxed (``boxes``), the MR registered
to the CT (``registration``), the plane of each pair chosen (``planes``), the paper's rules checked (``checks``), the MR
mapped to grey levels (``greymap``), and all that written (``build``).
"""
