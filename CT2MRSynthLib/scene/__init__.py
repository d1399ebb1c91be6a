"""The one place that touches MRML: nodes of a Slicer scene in, nodes of that scene out.

Works alike in the Slicer application and on a bare MRML scene in plain Python: MRML and VTK only, no Qt.
"""
