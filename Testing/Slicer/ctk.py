"""``import ctk`` of the stand-in."""

from standin.ctk_widgets import *  # noqa: F403
