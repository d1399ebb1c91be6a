"""Looking at files again and again: only while somebody sees it, and not at the cost of the application."""

import time

import pytest

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("PySide6", reason="no Qt: install PySide6-Essentials")


def until(app, condition, seconds=20.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        app.processEvents()
        time.sleep(0.005)


def test_nothing_is_looked_at_while_nobody_sees_it(slicer_app):
    from CT2MRSynthLib.panel.ticker import Lookout, Ticker

    looks, ticks, seen = [], [], []
    lookout, ticker = Lookout(0.01, lambda: looks.append(1), lambda: bool(seen)), Ticker(0.01, lambda: ticks.append(1))
    lookout.start(), ticker.start()
    until(slicer_app.app, lambda: len(ticks) > 5)
    assert not looks
    seen.append(1)
    until(slicer_app.app, lambda: len(looks) > 2)
    lookout.stop(), ticker.stop()


def test_after_a_look_that_took_long_there_is_a_pause(slicer_app):
    from CT2MRSynthLib.panel.ticker import Lookout, Ticker

    begun, ended, ticks = [], [], []

    def look():
        begun.append(time.monotonic())
        time.sleep(0.02)
        ended.append(time.monotonic())

    lookout, ticker = Lookout(0.01, look, lambda: True), Ticker(0.01, lambda: ticks.append(1))
    lookout.start(), ticker.start()
    until(slicer_app.app, lambda: len(begun) > 1)
    lookout.stop(), ticker.stop()
    assert begun[1] - ended[0] >= Lookout.TIMES * (ended[0] - begun[0]) and len(ticks) > 2


def test_the_train_tab_looks_only_while_it_is_shown(slicer_app, monkeypatch, tmp_path):
    import slicer

    from CT2MRSynthLib.panel import pairs_section, training_section
    from CT2MRSynthLib.panel.parameters import TrainParameters, read_parameters
    from CT2MRSynthLib.panel.ticker import Ticker
    from CT2MRSynthLib.panel.train_tab import TrainTab
    from CT2MRSynthLib.training.session import RunSession

    monkeypatch.setenv("CT2MRSYNTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(training_section, "EVERY", 0.01)
    monkeypatch.setattr(pairs_section, "EVERY", 0.01)
    looks, states, ticks = [], [], []
    look, state = RunSession.look, pairs_section._state
    monkeypatch.setattr(RunSession, "look", lambda self: (looks.append(1), look(self))[1])
    monkeypatch.setattr(pairs_section, "_state", lambda path: (states.append(1), state(path))[1])
    tab = TrainTab()
    tab.pairs.open(tmp_path)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    tab.set_parameters(read_parameters(TrainParameters, node))
    looks.clear(), states.clear()
    ticker = Ticker(0.01, lambda: ticks.append(1))
    ticker.start()
    until(slicer_app.app, lambda: len(ticks) > 10)
    assert not looks and not states
    tab.widget.show()
    until(slicer_app.app, lambda: looks and states)
    tab.widget.hide()
    ticker.stop()
    tab.cleanup()
