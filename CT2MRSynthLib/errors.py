"""Errors a user can act on: one sentence that says what is wrong, with the offending value, and what to do.

All are ``ValueError``: a caller that knows nothing of this package, such as a Slicer panel, shows the sentence as is.
"""

from __future__ import annotations


class CT2MRSynthError(ValueError):
    """Base of every error this package raises on purpose.

    Args:
        message: The sentence for the user.
        for_records: The same without what must not be kept, such as the description of a series, which may name a
            patient. None: the sentence itself.
    """

    def __init__(self, message: str = "", for_records: str | None = None) -> None:
        super().__init__(message)
        self.for_records = message if for_records is None else for_records


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
