"""What a run writes: a usable bundle, checkpoints, a state with a heartbeat, losses, previews."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from training_sets import TINY, a_trainer, events_of, state_of, write_pairs

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.training.settings import Augmentation, TrainingSettings

torch = pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib.bundle import load_bundle  # noqa: E402
from CT2MRSynthLib.modelcard import read_card  # noqa: E402
from CT2MRSynthLib.training import runfiles  # noqa: E402
from CT2MRSynthLib.training.checkpoint import checkpoint_paths, load_checkpoint, save_checkpoint  # noqa: E402
from CT2MRSynthLib.training.launch import Request, train  # noqa: E402
from CT2MRSynthLib.training.losses import Losses  # noqa: E402
from CT2MRSynthLib.training.lossplot import BLUE, GREEN, ORANGE, ticks, write_plot  # noqa: E402
from CT2MRSynthLib.training.preview import difference_colors, thin_out  # noqa: E402


@pytest.fixture
def pairs(tmp_path):
    """A pair set of six patients."""
    return write_pairs(tmp_path / "pairs")


def test_the_result_is_a_bundle_that_says_how_it_was_made(tmp_path):
    folder = write_pairs(tmp_path / "pairs", "aabbcc")
    trainer = a_trainer(folder, tmp_path / "run", preset="quick")
    trainer.run()
    card = load_bundle(tmp_path / "run" / "bundle").card
    data = card.training_data
    assert (data["description"], data["subjects"], data["pairs"], data["sequence"]) == ("noise", 2, 4, "T2")
    # the patient held back was not trained on, and may serve for a verdict
    assert len(data["patients"]) == 2 and len(data["images"]) == len({file[:16] for file in _hashes(trainer.pairs)})
    assert len(data["data_sha256"]) == 64 and "a" not in data["patients"]
    assert card.architecture["width"] == 4 and card.training["step"] == 6
    assert (card.training["preset"], card.training["deterministic"], card.training["device"]) == ("quick", False, "cpu")
    assert card.training["versions"]["torch"] == torch.__version__
    assert card.field_of_view == (80, 80) and card.pixel_spacing == (80 / 256, 80 / 256)
    assert card.slice_thickness == (4, 4)
    assert card.metrics["values"]["mae"] > 0
    assert TrainingSettings.from_json({k: card.training[k] for k in TINY.to_json()}) == TINY
    state = state_of(tmp_path / "run")
    assert (state["status"], state["step"], state["steps"], state["fraction"]) == ("finished", 6, 6, 1.0)
    assert state["weights_sha256"] == card.weights["sha256"] and state["error"] is None
    assert [path.name for path in (tmp_path / "run" / "previews").iterdir()] == ["step-000000006.png"]


def _hashes(pairs):
    return [file.sha256 for entry in pairs.entries for file in entry.files.values()]


def test_the_bundle_can_be_opened_whenever_it_is_there(pairs, tmp_path):
    opened = []

    def look(event):
        if (tmp_path / "run" / "bundle").exists():
            opened.append(load_bundle(tmp_path / "run" / "bundle").card.training["step"])

    a_trainer(pairs, tmp_path / "run", report=look, checkpoint_steps=2, report_every=0.0).run()
    assert {2, 4, 6} <= set(opened)
    assert len(list((tmp_path / "run" / "bundle").iterdir())) == 2


def test_training_learns(pairs, tmp_path):
    settings = replace(
        TINY, width=8, steps=48, learning_rate=1e-3, ema_decay=0.0, augmentation=Augmentation(intensity=0)
    )
    told = []
    a_trainer(pairs, tmp_path / "run", settings, report=told.append, report_every=0.0).run()
    errors = [event["l1"] for event in told if event["event"] == "progress"]
    assert np.mean(errors[-6:]) < 0.6 * np.mean(errors[:6])


def test_a_damaged_checkpoint_gives_way_to_the_one_before(pairs, tmp_path, capsys):
    run = tmp_path / "run"
    a_trainer(pairs, run, checkpoint_steps=2).run()
    newest, before = checkpoint_paths(run)
    assert (newest.name, before.name) == ("checkpoint-000000006.pt", "checkpoint-000000004.pt")
    content = newest.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1  # torch would load it
    for damaged in (b"", content[: len(content) // 2], content[:-1], bytes(flipped)):
        newest.write_bytes(damaged)
        state, problems = load_checkpoint(run)
        assert state["step"] == 4 and newest.name in problems[0]
    small = ["train", "--pairs", str(pairs), "--out", str(run), "--device", "cpu", "--resume"]
    assert main([*small, "--steps", "8"]) == 0
    assert [load_checkpoint(run)[0]["step"], *(path.name[-4:] for path in checkpoint_paths(run))] == [8, "8.pt", "4.pt"]
    assert newest.name in events_of(run, "warning")[-1]["message"]
    for path in checkpoint_paths(run):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="No checkpoint in .* can be used"):
        load_checkpoint(run)
    assert main(small) == 1
    assert "No checkpoint" in capsys.readouterr().err


def test_a_checkpoint_beyond_a_step_back_is_not_mistaken_for_the_newest(tmp_path):
    for step in (2, 4, 6):
        save_checkpoint(tmp_path, {"step": step})
    assert [path.name[-4:] for path in checkpoint_paths(tmp_path)] == ["6.pt", "4.pt"]
    save_checkpoint(tmp_path, {"step": 5})
    assert [path.name[-4:] for path in checkpoint_paths(tmp_path)] == ["5.pt", "4.pt"]


def test_a_damaged_bundle_stops_no_run_and_is_written_anew(pairs, tmp_path):
    run = tmp_path / "run"
    a_trainer(pairs, run).run()
    (run / "bundle" / "card.json").write_bytes(b"")
    assert main(["train", "--pairs", str(pairs), "--out", str(run), "--device", "cpu", "--resume"]) == 0
    assert load_bundle(run / "bundle").sha256 == state_of(run)["weights_sha256"]


@pytest.mark.parametrize("rest", [b"8,2.0,0.00", b"8,2.0,0.0002,0.5,0,0,12.3", b"\0\0\0\0"])
def test_a_line_of_losses_that_was_cut_off_is_not_mixed_with_the_next(tmp_path, rest):
    Losses(tmp_path).add(step=6, seconds=1.5, l1=0.5)
    with open(tmp_path / "losses.csv", "ab") as file:
        file.write(rest)
    Losses(tmp_path).add(step=8, seconds=2.5, l1=0.25)
    assert Losses(tmp_path).rows == [{"step": 6, "seconds": 1.5, "l1": 0.5}, {"step": 8, "seconds": 2.5, "l1": 0.25}]


def test_a_generator_of_own_pairs_is_not_called_what_the_simulated_one_is(tmp_path):
    folder = write_pairs(tmp_path / "pairs", "ab")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"sequence": "T2"', '"sequence": "T1"'))
    changes = {"width": 2, "discriminator_width": 2, "blocks": 1, "steps": 1}
    run = tmp_path / "run"
    train(Request(folder, run, changes=changes, device="cpu"))
    card = read_card(tmp_path / "run" / "bundle")
    assert (card.name, card.sequence) == ("CT2MRSynth T1, own pairs", "T1")
    assert not any("T2" in words or "lumbar" in words for words in (card.intended_use, *card.limits))
    train(Request(folder, run, changes={"steps": 2}, device="cpu", resume=True, name="Ours", limits=("Knees.",)))
    train(Request(folder, run, changes={"steps": 3}, device="cpu", resume=True))
    later = read_card(run / "bundle")
    assert (later.name, later.limits, later.training["step"]) == ("Ours", (*card.limits, "Knees."), 3)


def test_the_heart_beats_while_nothing_else_happens(tmp_path, monkeypatch):
    for name in ("LOOK", "RENEW", "SILENCE"):
        monkeypatch.setattr(runfiles, name, 0.02)
    files, told = runfiles.RunFiles(tmp_path, lambda event: told.append(event["event"])), []
    files.begin(step=5)
    first, deadline = state_of(tmp_path), time.monotonic() + 20
    while (state_of(tmp_path)["heartbeat"] == first["heartbeat"] or not told) and time.monotonic() < deadline:
        time.sleep(0.01)  # a step that takes long
    files.end("stopped")
    assert state_of(tmp_path)["heartbeat"] > first["heartbeat"] and state_of(tmp_path)["step"] == 5
    assert told[0] == "heartbeat" and told[-1] == "stopped"


def test_fine_tuning_takes_networks_and_history_from_the_bundle(pairs, tmp_path, capsys):
    a_trainer(pairs, tmp_path / "first").run()
    bundle, others = tmp_path / "first" / "bundle", write_pairs(tmp_path / "others", "xyz", seed=4)
    command = ["train", "--pairs", str(others), "--out", str(tmp_path / "second"), "--preset", "fine-tune"]
    command += ["--init", str(bundle), "--steps", "2", "--device", "cpu", "--learning-rate", "1e-9"]
    assert main([*command, "--width", "8"]) == 2
    assert "has width 4, not 8; leave that out" in capsys.readouterr().err
    assert main([*command, "--discriminator-width", "2", "--validation-pairs", "1"]) == 0
    first, second = read_card(bundle), load_bundle(tmp_path / "second" / "bundle")
    assert second.card.architecture == first.architecture
    assert second.card.training["initial_sha256"] == first.weights["sha256"]
    assert set(first.training_data["patients"]) < set(second.card.training_data["patients"])
    for name, tensor in load_bundle(bundle).generator().state_dict().items():
        torch.testing.assert_close(second.generator().state_dict()[name], tensor, rtol=0, atol=1e-4)
    assert events_of(tmp_path / "second", "validation")[0]["step"] == 0  # how good it was before
    tested = write_pairs(tmp_path / "tested", "fx", splits={"f": "test", "x": "training"})
    command[2:5] = [str(tested), "--out", str(tmp_path / "third")]
    assert main([*command, "--discriminator-width", "2"]) == 0
    assert any("1 of the test patients" in event["message"] for event in events_of(tmp_path / "third", "warning"))


def test_fine_tuning_on_few_pairs_starts_from_the_bundle_in_use(tmp_path, capsys):
    pairs = write_pairs(tmp_path / "pairs", "ab")
    command = ["train", "--pairs", str(pairs), "--out", str(tmp_path / "run"), "--preset", "fine-tune", "--steps", "1"]
    assert main([*command, "--device", "cpu", "--discriminator-width", "2"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "only 2 pairs" in next(event["message"] for event in told if event["event"] == "warning")
    from CT2MRSynthLib.bundle import default_bundle_path

    card = load_bundle(tmp_path / "run" / "bundle").card
    assert card.training["initial_sha256"] == read_card(default_bundle_path()).weights["sha256"]


def test_the_plot_shows_every_loss_to_the_end_of_the_axis(tmp_path):
    losses = Losses(tmp_path)
    for step in range(1, 2001):
        mae = 20.0 if step % 500 == 0 else None
        losses.add(step=step, seconds=step, l1=0.1 + 1 / step, gan=0.3, discriminator=0.6, validation_mae=mae)
    write_plot(losses, tmp_path / "plot.png", steps=2000)
    image = np.asarray(Image.open(tmp_path / "plot.png").convert("RGB"))
    upper, lower = np.split(image, 2)
    for panel, colors in ((upper, (BLUE, ORANGE)), (lower, (BLUE, GREEN))):
        for color in colors:
            columns = np.flatnonzero((panel[44:] == color).all(axis=-1).any(axis=0))
            assert columns[0] < 360 and columns[-1] > image.shape[1] - 60
    assert len((tmp_path / "losses.csv").read_text().splitlines()) == 2001
    assert [row["step"] for row in Losses(tmp_path, upto=7).rows] == list(range(1, 8))


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (87.0, [0, 20, 40, 60, 80]),
        (0.9, [0, 0.2, 0.4, 0.6, 0.8]),
    ],
)
def test_ticks_are_round_numbers(high, expected):
    assert ticks(high) == pytest.approx(expected)


def test_previews_are_kept_evenly_spread(tmp_path):
    for step in range(10, 410, 10):
        (tmp_path / f"step-{step:09d}.png").touch()
        thin_out(tmp_path, step, keep=6)
    steps = sorted(int(path.stem[5:]) for path in tmp_path.iterdir())
    assert len(steps) == 6 and (steps[0], steps[-1]) == (10, 400) and max(np.diff(steps)) <= 160
    thin_out(tmp_path, 395)
    assert max(int(path.stem[5:]) for path in tmp_path.iterdir()) < 395


def test_a_difference_is_colored_by_its_sign():
    colors = difference_colors(np.array([[200, 100, 50]], np.uint8), np.array([[100, 100, 100]], np.uint8))
    assert colors[0, 0, 0] == 255 and colors[0, 0, 2] == 0
    assert colors[0, 1].tolist() == [0, 0, 0]
    assert colors[0, 2, 0] == 0 and colors[0, 2, 2] > 128
