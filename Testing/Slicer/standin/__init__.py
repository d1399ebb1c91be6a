"""What the tests use in place of the Slicer application; see the README beside this package."""
