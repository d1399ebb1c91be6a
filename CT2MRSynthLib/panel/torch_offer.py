"""PyTorch, where it is missing or broken: what it is, how big it is, and whether it shall be installed."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys

import slicer
from slicer.i18n import tr as _

REQUIREMENT = ">=2.2"


class TorchOffer:
    """Offers to install PyTorch through the PyTorch extension, on the main thread, after a confirmation.

    ``failure`` is a sentence for the user after an offer that did not lead to PyTorch.
    """

    def __init__(self) -> None:
        self.failure = ""

    def is_installed(self) -> bool:
        """Whether PyTorch is there; nothing is imported for it, so that it may be broken still."""
        if sys.modules.get("torch") is not None:
            return True
        try:
            return importlib.util.find_spec("torch") is not None
        except (ImportError, ValueError):  # a half-removed package
            return False

    def ask(self, title: str, text: str) -> bool:
        """Ask the user; a self-test, which nobody sees, declines."""
        if slicer.app.testingEnabled():
            return False
        return slicer.util.confirmYesNoDisplay(text, windowTitle=title)

    def ensure(self) -> bool:
        """Offer PyTorch where it is missing; returns whether it is there now."""
        self.failure = ""
        if self.is_installed():
            return True
        need = _("The images are computed by PyTorch, which is not installed in this Slicer.")
        return self._offer(_("PyTorch is needed"), need, repair=False)

    def repair(self, reason: str) -> bool:
        """Offer to install it anew.

        Args:
            reason: What is wrong with the one that is there.
        """
        self.failure = ""
        return self._offer(_("Repair PyTorch"), reason, repair=self.is_installed())

    def _offer(self, title: str, reason: str, repair: bool) -> bool:
        extension = _extension()
        if extension is None:
            self._offer_extension(title, reason)
            return False
        question = _("Remove it and install it anew now?") if repair else _("Install it now?")
        if not self.ask(title, "\n\n".join([reason, _how(), question])):
            self.failure = _("PyTorch is needed to make the images; nothing was installed. All else can be used.")
            return False
        return self._install(extension, repair)

    def _offer_extension(self, title: str, reason: str) -> None:
        """Installing an extension is the Extensions Manager's work, and needs a restart."""
        way = _(
            "Slicer's PyTorch extension, which installs it, is missing. In the Extensions Manager search for PyTorch,"
            " install it, restart Slicer, and try again."
        )
        wanted = self.ask(title, "\n\n".join([reason, way, _how(), _("Open the Extensions Manager now?")]))
        self.failure = _("PyTorch is missing: install the extension PyTorch in the Extensions Manager, restart Slicer.")
        if not wanted:
            return
        try:
            slicer.app.openExtensionsManagerDialog()
        except AttributeError:  # an application built without it
            self.failure = _("PyTorch is missing, and this application has no Extensions Manager to get it by.")

    def _install(self, extension, repair: bool) -> bool:
        slicer.util.showStatusMessage(_("Installing PyTorch; its log is in the Python console"))
        try:
            with slicer.util.WaitCursor():
                logic = extension.PyTorchUtilsLogic()
                if repair:
                    logic.uninstallTorch()
                logic.installTorch(askConfirmation=False, torchVersionRequirement=REQUIREMENT)
        except Exception as error:  # pip's failures, a broken library, a file in use
            logging.exception("CT2MRSynth: PyTorch could not be installed")
            self.failure = _(
                "PyTorch could not be installed ({error}). The Python console shows why; restart Slicer and try again."
            ).format(error=_first_line(error))
        importlib.invalidate_caches()
        slicer.util.showStatusMessage("")
        if not self.failure and not self.is_installed():
            self.failure = _("PyTorch could not be installed; the Python console shows why.")
        return not self.failure


def _extension():
    """The module of the PyTorch extension, or None."""
    try:
        import PyTorchUtils
    except ImportError:
        return None
    return PyTorchUtils


def _how() -> str:
    return _(
        "It can be installed through the PyTorch extension. With an NVIDIA graphics card about 3 GB are downloaded and"
        " 6 GB of disk are taken, otherwise about 0.3 GB and 1 GB. It takes some minutes, during which Slicer does not"
        " respond."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
