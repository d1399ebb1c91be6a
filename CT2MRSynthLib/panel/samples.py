"""The simulated samples in Slicer's Sample Data module."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.panel.forms import resource


def register_samples() -> None:
    """Offer the samples; nothing is made or downloaded before one is asked for."""
    try:
        import SampleData
    except ImportError:  # an application built without it
        return
    from CT2MRSynthLib.scene.sample_data import CATEGORY, SAMPLES

    for sample in SAMPLES:
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=sample.title,
            uris="",  # nothing is downloaded
            fileNames=sample.main,
            nodeNames=sample.title,
            customDownloader=_load,
            thumbnailFileName=resource(f"Icons/{sample.icon}"),
        )


def load_sample(sample) -> list:
    """Make a sample, where that has not been done yet, and load it.

    Args:
        sample: One of ``scene.sample_data.SAMPLES``.

    Returns:
        The nodes, the CT first; none when it was cancelled.
    """
    from CT2MRSynthLib.errors import Cancelled
    from CT2MRSynthLib.scene import sample_data

    folder = sample_data.folder_of(sample, slicer.app.cachePath)
    nodes = []
    with slicer.util.tryWithErrorDisplay(_("The sample could not be made.")):
        try:
            if not sample_data.is_made(sample, folder):
                _make(sample, folder)
        except Cancelled:
            return nodes
        nodes = sample_data.load(slicer.mrmlScene, sample, folder)
        if slicer.app.layoutManager() is not None:
            slicer.util.setSliceViewerLayers(background=nodes[0], foreground=None, fit=True)
        slicer.util.showStatusMessage(_("The sample lies in {folder}").format(folder=folder), 10000)
    return nodes


def _load(source) -> list:
    """What the Sample Data module calls."""
    from CT2MRSynthLib.scene import sample_data

    return load_sample(sample_data.find(source.sampleName))


def _make(sample, folder) -> None:
    """Make a sample in a process of its own behind a progress dialog; the application stays responsive."""
    from CT2MRSynthLib.scene import sample_data

    dialog = slicer.util.createProgressDialog(
        windowTitle=_("Simulating a lumbar spine"),
        labelText=sample.title,
        windowModality=qt.Qt.ApplicationModal,  # no second click on the sample meanwhile
        autoClose=False,
        autoReset=False,
    )

    def tell(percent, words):
        dialog.value = int(percent)
        dialog.labelText = words or _("Starting")
        slicer.app.processEvents()
        return not dialog.wasCanceled

    try:
        sample_data.make(sample, folder, tell)
    finally:
        dialog.close()
