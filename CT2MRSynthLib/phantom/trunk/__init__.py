"""The body around the spine: skin, wall, ribs, pelvis, muscles."""
