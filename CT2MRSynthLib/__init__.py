"""CT2MRSynth: synthetic axial T2-weighted MR slices at the lumbar discs, from CT.

Importing this package pulls in nothing heavy: no torch, SimpleITK, vtk, numpy or slicer. Import the
part that is needed, for example ``from CT2MRSynthLib.synthesis import Synthesizer``.

Research use only. The images are synthetic and not for diagnosis.
"""

__version__ = "0.1.0"
