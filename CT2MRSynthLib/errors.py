"""Errors a user can act on: one sentence that says what is wrong, with the offending value, and what to do.

All are ``ValueError``: a caller that knows nothing of this package, such as a Slicer panel, shows the sentence as is.
"""


class CT2MRSynthError(ValueError):
    """Base of every error this package raises on purpose."""


class InputError(CT2MRSynthError):
    """An input (CT, box, landmarks, job file) cannot be used."""


class BundleError(CT2MRSynthError):
    """A model bundle is incomplete, altered or of an unknown kind."""


class OutputError(CT2MRSynthError):
    """A result cannot be written."""


class UsageError(CT2MRSynthError):
    """The arguments contradict each other or leave something open."""


class Cancelled(Exception):
    """The caller asked the work to stop; nothing half-made is left."""
