"""Organs and vessels of the abdomen."""
