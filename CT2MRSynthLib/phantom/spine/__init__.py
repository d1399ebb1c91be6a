"""Vertebrae, discs, canal and what the canal holds."""
