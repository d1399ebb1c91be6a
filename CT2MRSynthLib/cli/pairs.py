"""``ct2mrsynth pairs``: sets of matched CT and MR slices, from making one to deciding on its pairs."""

SUMMARY = "make, look through and decide on a set of CT and MR slices"

DESCRIPTION = """\
A pair set is a folder of matched CT and MR slices of the same patients and manifest.json, which says of each pair where
it lies, what was checked and whether it is used. Make one with build, look through it with audit, accept and reject
pairs by hand; what was decided holds when the set is made again."""

COMMANDS = {
    "build": "make a pair set from CT and MR scans of the same patients",
    "audit": "write a page and a contact sheet to look through a pair set",
    "accept": "accept pairs by hand",
    "reject": "reject pairs by hand",
    "list": "list the pairs of a set and what was decided",
}
