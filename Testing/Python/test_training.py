"""Training goes on where it stopped, shows every pair, and ends with a usable bundle."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import runs

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import CT2MRSynthError, InputError, UsageError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.pairset import PairSetWriter, read_manifest, read_pair, write_pair
from CT2MRSynthLib.training.settings import PAPER, PAPER_SHORT, Augmentation, TrainingSettings

torch = pytest.importorskip("torch", reason="no torch")

from torch.nn import functional  # noqa: E402

from CT2MRSynthLib.bundle import load_bundle  # noqa: E402
from CT2MRSynthLib.modelcard import ModelCard  # noqa: E402
from CT2MRSynthLib.training.augment import Variation, apply, draw  # noqa: E402
from CT2MRSynthLib.training.checkpoint import load_checkpoint  # noqa: E402
from CT2MRSynthLib.training.objective import adversarial_loss, discriminator_loss  # noqa: E402
from CT2MRSynthLib.training.pairs import PairStore, held_back  # noqa: E402
from CT2MRSynthLib.training.trainer import Trainer  # noqa: E402

TINY = TrainingSettings(width=4, blocks=1, discriminator_width=2, steps=6, ema_decay=0.9, validation_pairs=2)


def write_pairs(folder, patients="abcdef", seed=0, splits=None):
    """A pair set of noise, with one pair for each of ``patients``."""
    rng = np.random.default_rng(seed)
    grid = DiscFrame([0, 0, 0], np.eye(3), [80, 80, 4]).grid()
    with PairSetWriter(folder, {"command": "test"}) as writer:
        for patient in patients:
            ct = np.kron(rng.integers(-150, 400, (16, 16)), np.ones((16, 16)))
            mr = np.clip(ct / 3 + 80, 0, 255).astype(np.uint8)
            level = f"slice-{len(writer):02d}"
            writer.add(replace(write_pair(folder, patient, level, ct, mr, grid), split=(splits or {}).get(patient)))
    return folder


@pytest.fixture
def pairs(tmp_path):
    """A pair set of six patients."""
    return write_pairs(tmp_path / "pairs")


def a_trainer(pairs, out, settings=TINY, **more) -> Trainer:
    out.mkdir(exist_ok=True)
    card = ModelCard(
        name="test",
        version="0",
        architecture={"name": "johnson-resnet", "width": 4, "blocks": 1},
        ct_window=(0, 1),
        training_data={"description": "noise"},
    )
    return Trainer(PairStore(pairs, settings.validation_pairs), out, settings, card, **more)


def test_a_resumed_run_gives_the_same_weights_bit_for_bit(pairs, tmp_path):
    whole = a_trainer(pairs, tmp_path / "whole")
    assert whole.run() == "finished"
    part = a_trainer(pairs, tmp_path / "parts")
    for _ in range(3):
        part.train_step()
    part.save("stopped")
    rest = a_trainer(pairs, tmp_path / "parts", replace(TINY, seed=TINY.seed))
    assert rest.resume()
    assert rest.run() == "finished"
    for network in ("generator", "discriminator"):
        for name, tensor in getattr(whole, network).state_dict().items():
            assert torch.equal(tensor, getattr(rest, network).state_dict()[name]), name
    assert all(torch.equal(whole.mean_weights[name], rest.mean_weights[name]) for name in whole.mean_weights)


def test_the_result_is_a_bundle_that_says_how_it_was_made(tmp_path):
    folder = write_pairs(tmp_path / "pairs", "aabbcc")
    a_trainer(folder, tmp_path / "run").run()
    card = load_bundle(tmp_path / "run" / "bundle").card
    assert card.training_data == {"description": "noise", "subjects": 2, "pairs": 4}
    assert card.architecture["width"] == 4 and card.training["step"] == 6
    assert card.field_of_view == (80, 80) and card.pixel_spacing == (80 / 256, 80 / 256)
    assert card.slice_thickness == (4, 4)
    assert card.metrics["values"]["mae"] > 0
    assert TrainingSettings.from_json({k: card.training[k] for k in TINY.to_json()}) == TINY
    assert json.loads((tmp_path / "run" / "state.json").read_text())["status"] == "finished"
    assert (tmp_path / "run" / "previews" / "step-0000006.png").exists()


def test_training_learns(pairs, tmp_path):
    settings = replace(
        TINY, width=8, steps=60, learning_rate=1e-3, ema_decay=0.0, augmentation=Augmentation(intensity=0)
    )
    trainer = a_trainer(pairs, tmp_path / "run", settings)
    before, _ = trainer.validate()
    trainer.run()
    after, _ = trainer.validate()
    assert after < 0.6 * before


def test_weights_that_are_not_finite_stop_the_run_and_keep_the_checkpoint(pairs, tmp_path):
    trainer = a_trainer(pairs, tmp_path / "run")
    trainer.train_step()
    trainer.save("running")
    trainer.generator.last.bias.data.fill_(float("nan"))
    with pytest.raises(CT2MRSynthError, match="diverged before step 1"):
        trainer.save("running")
    assert load_checkpoint(tmp_path / "run")["step"] == 1


def test_a_broken_checkpoint_gives_way_to_the_one_before(pairs, tmp_path):
    trainer = a_trainer(pairs, tmp_path / "run")
    for _ in range(2):
        trainer.train_step()
        trainer.save("running")
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"half a che")
    assert load_checkpoint(tmp_path / "run")["step"] == 1
    (tmp_path / "run" / "checkpoint-previous.pt").write_bytes(b"")
    with pytest.raises(InputError, match="No checkpoint in"):
        load_checkpoint(tmp_path / "run")


def test_a_run_of_another_width_is_not_resumed(pairs, tmp_path):
    a_trainer(pairs, tmp_path / "run").save("stopped")
    with pytest.raises(UsageError, match="width 4, not 8"):
        a_trainer(pairs, tmp_path / "run", replace(TINY, width=8)).resume()


def test_sigterm_ends_a_run_with_a_checkpoint_and_it_resumes(pairs, tmp_path):
    run = tmp_path / "run"
    words = ["train", "--pairs", pairs, "--out", run, "--width", 4, "--discriminator-width", 2, "--validation-pairs", 2]
    words = [sys.executable, "-m", "CT2MRSynthLib", *map(str, words)]
    process = subprocess.Popen([*words, "--steps", "100000"], env=runs.ENVIRONMENT, cwd=runs.ROOT)
    deadline = time.monotonic() + 120
    while not (run / "state.json").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    step = load_checkpoint(run)["step"]
    assert json.loads((run / "state.json").read_text())["status"] == "stopped"
    result = subprocess.run(
        [*words, "--steps", str(step + 2), "--resume"],
        env=runs.ENVIRONMENT,
        cwd=runs.ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert load_checkpoint(run)["step"] == step + 2
    assert json.loads(result.stdout.splitlines()[-1]) == {"event": "checkpoint", "step": step + 2, "status": "finished"}


def test_a_run_is_not_overwritten(pairs, tmp_path, capsys):
    a_trainer(pairs, tmp_path / "run").save("stopped")
    assert main(["train", "--pairs", str(pairs), "--out", str(tmp_path / "run"), "--steps", "1"]) == 2
    assert "add --resume" in capsys.readouterr().err


def test_an_epoch_shows_every_pair_once(pairs):
    store = PairStore(pairs, validation=1)
    epochs = [[store.index_at(3, 5 * epoch + place) for place in range(5)] for epoch in range(3)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]


def test_no_patient_is_on_both_sides(tmp_path):
    folder = write_pairs(tmp_path / "pairs", "abbbcc")
    store = PairStore(folder, validation=2)
    assert (len(store.validation), len(store), store.subjects) == (4, 2, 1)  # all of a and b are held back
    write_pairs(folder, "bdda", seed=1)
    assert (store.refresh(), len(store.validation), store.subjects) == (2, 6, 2)


def test_a_small_set_is_not_held_back_whole(pairs, tmp_path):
    """Six pairs, as many as there are, or of 280 that are being made."""
    assert held_back(pairs, 20) == 1
    assert len(PairStore(pairs, held_back(pairs, 20))) == 5
    replace(read_manifest(pairs), made_by={"pairs": 280}).write(pairs)
    assert held_back(pairs, 20) == 20
    words = ["train", "--pairs", str(write_pairs(tmp_path / "few")), "--out", str(tmp_path / "run"), "--width", "4"]
    assert main([*words, "--discriminator-width", "2", "--steps", "1"]) == 0


def test_the_manifests_own_split_is_kept(tmp_path):
    splits = {"a": "training", "b": "training", "c": "validation", "d": "test"}
    store = PairStore(write_pairs(tmp_path / "pairs", "abbcd", splits=splits), validation=3)
    assert (len(store), len(store.validation), store.subjects) == (3, 1, 2)


def test_a_leak_between_the_sides_is_refused(tmp_path):
    folder = write_pairs(tmp_path / "patient", "ab")
    both = read_manifest(folder)
    one = replace(both.pairs[0], split="training")
    replace(both, pairs=(one, replace(both.pairs[1], patient="a", split="validation"))).write(folder)
    with pytest.raises(InputError, match="The patient a is both in training and in validation"):
        PairStore(folder)
    replace(both, pairs=(one, replace(both.pairs[1], files=one.files, split="test"))).write(folder)
    with pytest.raises(InputError, match="The image a/a_slice-00_CT.nrrd is both in training and in test"):
        PairStore(folder)
    replace(both, pairs=(both.pairs[0], replace(both.pairs[0], id="c", patient="c"))).write(folder)
    with pytest.raises(InputError, match="under two patients"):
        PairStore(folder, validation=1)


def test_rejected_pairs_are_left_out(pairs):
    found = read_manifest(pairs)
    first = replace(found.pairs[0], decision=replace(found.pairs[0].decision, status="rejected", reviewer="AB"))
    replace(found, pairs=(first, *found.pairs[1:])).write(pairs)
    assert len(PairStore(pairs, validation=2)) == 3


def test_pairs_that_arrive_later_are_taken_in(pairs):
    store = PairStore(pairs, validation=2)
    assert (len(store), store.refresh()) == (4, 0)
    write_pairs(pairs, "ghi", seed=2)
    assert (store.refresh(), len(store)) == (3, 7)


def test_pairs_come_as_they_were_written(pairs):
    store, entry = PairStore(pairs, validation=2), read_manifest(pairs).pairs[2]
    for image, written in zip(store.pair(0), read_pair(pairs, entry), strict=True):
        np.testing.assert_array_equal(image, written)
    assert [image.dtype for image in store.pair(0)] == [np.int16, np.uint8]


def test_folders_without_pairs_are_refused(tmp_path):
    with pytest.raises(InputError, match="no pair set in"):
        PairStore(tmp_path / "nowhere")
    with pytest.raises(InputError, match="No training pairs are left"):
        PairStore(write_pairs(tmp_path / "few", "ab"), validation=2)


def test_learning_rate_is_the_papers():
    rate = lambda settings, step: settings.learning_rate_at(settings.fraction_done(step, 0.0))  # noqa: E731
    assert [rate(PAPER, step) for step in (0, 100_000)] == [2e-4, 2e-4]
    assert rate(PAPER, 200_000) == pytest.approx(1e-4)
    assert rate(PAPER, 300_000) == 0
    assert rate(PAPER_SHORT, 100_000) == 2e-4 and rate(PAPER_SHORT, 150_000) == pytest.approx(1e-4)


def test_a_run_without_end_is_refused():
    with pytest.raises(UsageError, match="no end"):
        TrainingSettings(steps=0, minutes=0)


def test_losses_are_the_conditional_log_loss():
    real, synthetic = torch.randn(2, 1, 1, 8, 8) * 3
    one, zero = torch.ones_like(real), torch.zeros_like(real)
    loss = functional.binary_cross_entropy_with_logits
    torch.testing.assert_close(discriminator_loss(real, synthetic), loss(real, one) + loss(synthetic, zero))
    torch.testing.assert_close(adversarial_loss(synthetic), loss(synthetic, one))


def test_no_variation_leaves_a_pair_as_it_is():
    ct, mr = np.arange(64.0).reshape(8, 8), np.arange(64.0)[::-1].reshape(8, 8)
    for before, after in zip((ct, mr), apply(Variation(), ct, mr), strict=True):
        np.testing.assert_array_equal(before, after)


def test_both_images_move_together_and_only_the_ct_changes_its_values():
    rng = np.random.default_rng(0)
    image = rng.normal(0, 100, (64, 64))
    moved = Variation(flip=True, rotation=4.0, scale=1.04, shift=(2.0, -3.0))
    ct, mr = apply(moved, image, image)
    np.testing.assert_array_equal(ct, mr)
    assert np.abs(ct - image).mean() > 1
    changed = Variation(hu_offset=10.0, hu_scale=1.02, noise=5.0, blur=-0.5)
    ct, mr = apply(changed, image, image)
    np.testing.assert_array_equal(mr, image.astype(np.float32))
    assert ct.mean() == pytest.approx(1.02 * image.mean() + 10, abs=1)


def test_a_shift_moves_by_that_many_pixels():
    image = np.zeros((32, 32))
    image[10, 20] = 1
    ct, _ = apply(Variation(shift=(3.0, -4.0)), image, image)
    assert np.unravel_index(ct.argmax(), ct.shape) == (13, 16)
    assert ct.max() == pytest.approx(1, abs=1e-5)


def test_draws_follow_from_their_seed():
    drawn = [draw(Augmentation(), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
