"""Pictures of the panel for the tutorial.

Drawn on the stand-in for the application (see Slicer/README.md), not in Slicer: the panel is Qt's, the slices are those
of Slicer's own slice logics, the frame of the application around them is missing. Without ``--pairs`` and ``--run`` the
Train tab is shown as it is before anything has been chosen.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing" / "Python"), str(ROOT / "Testing" / "Slicer")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_SCALE_FACTOR"] = "2"
os.environ["CT2MRSYNTH_HOME"] = str(ROOT / "no-user-here")

FOUR_UP = [["Red", "3D view"], ["Yellow", "Green"]]
SIDE_BY_SIDE = [["Red", "CT2MRSynth"], ["Yellow", "Green"]]
LEVEL = "L4-L5"
#: Pixels of one view beside the panel, which is 800 pixels wide.
VIEW = (700, 850)


class Tutorial:
    """Does what the tutorial tells, and takes a picture at each step.

    Args:
        session: Stand-in for the application.
        out: Folder of the pictures.
    """

    def __init__(self, session, out: Path) -> None:
        from standin.module import enter_module, load_module

        self.session, self.out = session, out
        instance = load_module(ROOT / "CT2MRSynth" / "CT2MRSynth.py")
        session.app.startupCompleted.emit()
        self.panel = enter_module(instance)
        self.tab = self.panel.synthesizeTab

    def choose_ct(self) -> None:
        """Step 1."""
        import slicer

        from CT2MRSynthLib.scene import sample_data

        folder = sample_data.folder_of(sample_data.PHANTOM, slicer.app.cachePath)
        sample_data.make(sample_data.PHANTOM, folder, lambda percent, words: True)
        nodes = sample_data.load(slicer.mrmlScene, sample_data.PHANTOM, folder)
        self.points = {node.GetName().split()[0]: node for node in nodes if node.IsA("vtkMRMLMarkupsFiducialNode")}
        for node in nodes[1:]:
            if node.IsA("vtkMRMLMarkupsROINode"):
                slicer.mrmlScene.RemoveNode(node)
            elif node.GetDisplayNode() is not None:
                node.SetDisplayVisibility(False)
        self.tab.ui.ctSelector.setCurrentNode(nodes[0])
        levels = self.tab.place.ui.levelComboBox
        levels.currentIndex = levels.findText(LEVEL)
        slicer.util.setSliceViewerLayers(background=nodes[0])
        self.center()
        self.take("step1_ct", FOUR_UP)

    def use_this_slice(self) -> None:
        """Step 2: the box from the plane of the Red view, with its handles."""
        from CT2MRSynthLib.scene.landmarks import box_from_landmarks
        from CT2MRSynthLib.scene.planes import show_frame

        show_frame(self.red(), box_from_landmarks(self.points[LEVEL], LEVEL, 4.0))
        self.tab.place.use_this_slice()
        self.take("step2_box", FOUR_UP)
        self.tab.place.delete_box()

    def red(self):
        """Node of the Red view."""
        import slicer

        return slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")

    def place_points(self) -> None:
        """Step 2 in another way: the walk, half way."""
        import numpy as np
        import slicer

        node = self.points[LEVEL]
        labels = ("disc front", "disc back", "ventral", "sac")
        names = [node.GetNthControlPointLabel(index) for index in range(node.GetNumberOfControlPoints())]
        places = [np.array(node.GetNthControlPointPositionWorld(names.index(label))) for label in labels]
        slicer.mrmlScene.RemoveNode(node)
        self.tab.place.place_points()
        walk = self.tab.place.walk
        self.jump(places[0])
        walk.place(places[0])
        self.take("step2_points", FOUR_UP)
        for place in places[1:]:
            walk.place(place)

    def apply(self) -> None:
        """Steps 3 and 4: while it runs, and what comes of it."""
        run, taken = self.tab.run, []
        self.panel.parent.show()
        self.tab.start()
        until = time.monotonic() + 300
        while run.is_running and time.monotonic() < until:
            self.session.app.processEvents()
            if not taken and run.ui.progressBar.value >= 20:
                taken.append(True)
                self.take("step3_apply", FOUR_UP)
            time.sleep(0.01)
        self.take("step4_result", SIDE_BY_SIDE)
        self.tab.result.ui.blendCheckBox.checked = True
        self.take("step4_blend", SIDE_BY_SIDE)
        self.tab.result.ui.blendCheckBox.checked = False

    def other_parts(self) -> None:
        """The record of how the image was made."""
        self.tab.result.ui.provenanceButton.click()
        for widget in self.session.app.topLevelWidgets():
            if widget.inherits("QDialog") and widget.visible:
                self.session.grab(widget, self.out / "provenance.png", 560)
                widget.close()

    def train(self, pairs: str | None, run: str | None) -> None:
        """The Train tab."""
        self.panel.ui.tabs.currentIndex = 1
        if pairs:
            self.panel.trainTab.pairs.open(pairs)
            self.panel.trainTab.pairs.table.ui.table.selectRow(1)
        self.section("pairs")
        if run:
            self.panel.trainTab.training.ui.runFolderLineEdit.text = run
            self.panel.trainTab.training.refresh()
            self.section("training")
            self.section("verdict")

    def section(self, name: str) -> None:
        """A picture of one part of the Train tab."""
        from PIL import Image
        from standin.pictures import save_small

        for _ in range(5):
            self.session.app.processEvents()
        widget = getattr(self.panel.trainTab, name).widget
        path = self.out / f"train_{name}.png"
        widget.grab().save(str(path))
        save_small(Image.open(path).convert("RGB"), path)

    def center(self) -> None:
        """All views on the middle of the CT, fitted."""
        import slicer
        from standin.pictures import resize_views

        manager = slicer.app.layoutManager()
        resize_views(manager, *VIEW)
        for name in manager.sliceViewNames():
            manager.sliceWidget(name).sliceLogic().FitSliceToBackground()

    def jump(self, place) -> None:
        """All views through a point, RAS mm."""
        import slicer

        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *place.tolist())

    def take(self, name: str, views: list | None = None) -> None:
        """One picture: the panel, and the views beside it where they are named."""
        import slicer
        from PIL import Image
        from standin.pictures import draw_grid, save_small

        for _ in range(5):
            self.session.app.processEvents()
        path = self.session.grab(self.panel.parent, self.out / f"{name}.png")
        if not views:
            return
        manager = slicer.app.layoutManager()
        panel, grid = Image.open(path).convert("RGB"), draw_grid(manager, views, *VIEW)
        sheet = Image.new("RGB", (panel.width + grid.width, max(panel.height, grid.height)), (40, 40, 40))
        sheet.paste(panel, (0, 0))
        sheet.paste(grid, (panel.width, 0))
        sheet.thumbnail((1300, 1300))  # as wide as a page shows it; the repository keeps every version
        save_small(sheet, path)


def main() -> None:
    """Take all pictures."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--out", type=Path, default=ROOT / "Resources" / "Screenshots")
    words.add_argument("--pairs", help="folder of a pair set")
    words.add_argument("--run", help="folder of a training run")
    chosen = words.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)

    from scenes import new_scene
    from standin.session import Session

    tutorial = Tutorial(Session(new_scene()), chosen.out)
    tutorial.choose_ct()
    tutorial.use_this_slice()
    tutorial.place_points()
    tutorial.apply()
    tutorial.other_parts()
    tutorial.train(chosen.pairs, chosen.run)
    tutorial.panel.cleanup()
    if tutorial.session.errors:
        sys.exit("raised behind a signal: " + "; ".join(str(error) for error in tutorial.session.errors))


if __name__ == "__main__":
    main()
