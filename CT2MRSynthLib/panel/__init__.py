"""What the Slicer application shows: Qt forms, the layout of views, and what happens when something is pressed.

The only package that needs the running application (``qt``, ``slicer.util``, ``slicer.app``). Nodes are handled by
``scene``, the work is done by the rest of the library.
"""
