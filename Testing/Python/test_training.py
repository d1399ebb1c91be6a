"""Which pairs a training uses and who is held back, its learning rate and losses, and settings by name."""

from dataclasses import replace

import numpy as np
import pytest
from training_sets import write_pairs

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.pairset import read_manifest, read_pair
from CT2MRSynthLib.training.overrides import changed, check_same_run, parse_assignments
from CT2MRSynthLib.training.pairs import PairStore, held_back
from CT2MRSynthLib.training.settings import PAPER, PAPER_SHORT, PRESETS, TrainingSettings

torch = pytest.importorskip("torch", reason="no torch")

from torch.nn import functional  # noqa: E402

from CT2MRSynthLib.training.objective import adversarial_loss, discriminator_loss  # noqa: E402


@pytest.fixture
def pairs(tmp_path):
    """A pair set of six patients."""
    return write_pairs(tmp_path / "pairs")


def test_an_epoch_shows_every_pair_once(pairs):
    store = PairStore(pairs, validation=1)
    epochs = [[store.index_at(3, 5 * epoch + place) for place in range(5)] for epoch in range(3)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]


def test_no_patient_is_on_both_sides(tmp_path):
    folder = write_pairs(tmp_path / "pairs", "abbbcc")
    store = PairStore(folder, validation=2)
    assert (len(store.validation), len(store), store.subjects) == (4, 2, 1)  # all of a and b are held back


def test_a_small_set_is_not_held_back_whole(pairs):
    assert held_back(pairs, 20) == 1
    assert len(PairStore(pairs, held_back(pairs, 20))) == 5


def test_of_a_split_set_without_validation_patients_all_are_trained_on_unless_asked(tmp_path):
    folder = write_pairs(tmp_path / "pairs", "aabbcd", splits=dict.fromkeys("abc", "training") | {"d": "test"})
    assert held_back(folder, 20) == 0
    store = PairStore(folder, held_back(folder, 20))
    assert (len(store), store.validation, store.subjects) == (5, [], 3)
    shown, unseen = store.preview_cases(3)
    assert {store.entries[n].patient for n in shown} == {"a", "b", "c"} and not unseen
    assert "held back" in " ".join(store.warnings())
    asked = PairStore(folder, validation=1)
    assert (len(asked.validation), len(asked)) == (2, 3)


def test_test_patients_are_never_touched(tmp_path):
    """Not even a pair of theirs that nobody put on a side, and not where one of their images lies elsewhere."""
    folder = write_pairs(tmp_path / "pairs", "aabb", splits={"b": "test"})
    found = read_manifest(folder)
    replace(found, pairs=(*found.pairs[:3], replace(found.pairs[3], split=None))).write(folder)
    assert {entry.patient for entry in PairStore(folder, 0).seen} == {"a"}
    leak = replace(found.pairs[0], files=found.pairs[2].files)
    replace(found, pairs=(leak, *found.pairs[1:])).write(folder)
    with pytest.raises(InputError, match="also one of a test patient"):
        PairStore(folder, 0)


def test_previews_are_spread_over_the_patients(tmp_path):
    store = PairStore(write_pairs(tmp_path / "pairs", "aaaabbccx"), validation=8)
    shown, unseen = store.preview_cases(4)
    assert unseen and [store.validation_entries[n].patient for n in shown].count("a") == 2
    assert {store.validation_entries[n].patient for n in store.preview_cases(3)[0]} == {"a", "b", "c"}


def test_a_set_that_changed_is_named(pairs):
    store = PairStore(pairs, validation=2)
    record, found = store.record(), read_manifest(pairs)
    store.check_unchanged(record)
    first, second = found.pairs[2:4]
    for others, words in [
        ([*found.pairs[:2], second], f"the pair {first.id} is gone"),
        ([*found.pairs[:2], replace(first, split="validation"), second], f"the pair {first.id} is now for validation"),
        ([*found.pairs[:2], replace(first, files=second.files), second], f"the pair {first.id} has other images"),
    ]:
        replace(found, pairs=tuple([*others, *found.pairs[4:]])).write(pairs)
        with pytest.raises(UsageError, match=words):
            PairStore(pairs, validation=2).check_unchanged(record)
    replace(found, pairs=found.pairs).write(pairs)
    write_pairs(pairs, "g", seed=5)
    with pytest.raises(UsageError, match="is new"):
        PairStore(pairs, validation=2).check_unchanged(record)


def test_two_pairs_train_and_are_warned_about(tmp_path):
    store = PairStore(write_pairs(tmp_path / "pairs", "ab"), held_back(tmp_path / "pairs", 20))
    assert len(store) == 2 and "only 2 pairs of 2 patients" in store.warnings()[0]


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


def test_every_setting_is_set_by_name_and_of_its_type():
    words = ["noise=5", "augmentation.flip=0", "betas=0.9,0.99", "steps=7", "schedule=linear", "hu-offset=3.5"]
    settings = changed(PRESETS["best"], parse_assignments(words))
    assert (settings.betas, settings.steps, settings.schedule) == ((0.9, 0.99), 7, "linear")
    assert (settings.augmentation.noise, settings.augmentation.flip, settings.augmentation.hu_offset) == (5, 0, 3.5)
    assert settings.width == PRESETS["best"].width and settings.augmentation.scale == PRESETS["best"].augmentation.scale


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("warmupp=0.1", "no training setting 'warmupp'; the nearest name is 'warmup'"),
        ("blocks=2.5", "blocks is '2.5'; give a whole number"),
        ("noise=loud", "noise is 'loud'; give a number"),
        ("noise", "--set noise has no value; write noise=20.0"),
        ("betas=0.9", "it needs 2 numbers"),
        ("learning_rate=nan", "learning_rate is nan; give a number above zero"),
        ("learning_rate=0", "learning_rate is 0.0; give a number above zero"),
        ("ema_decay=1", "ema_decay is 1.0; give a number from zero below 1"),
        ("seed=-1", "seed is -1; give a number from zero"),
        ("seed=99999999999999999999", "seed is 9+; give a number from zero up to 9.22337e.18"),
        ("schedule=stairs", "schedule is 'stairs'; known are linear and cosine"),
    ],
)
def test_settings_that_make_no_sense_are_refused(word, sentence):
    with pytest.raises(UsageError, match=sentence):
        changed(PAPER, parse_assignments([word]))


def test_a_limit_that_is_given_alone_is_the_only_one():
    assert (changed(PAPER, {"minutes": 5.0}).steps, changed(PRESETS["quick"], {"steps": 9}).minutes) == (0, 0)
    both = changed(PAPER, {"minutes": 5.0, "steps": 9})
    assert (both.steps, both.minutes) == (9, 5)


def test_a_run_goes_on_with_the_same_networks_and_data():
    for name, value in {"width": 8, "noise": 1.0, "adversarial_weight": 0.0, "ema_decay": 0.9, "batch": 2}.items():
        with pytest.raises(UsageError, match=f"has {name} .*, not {value}"):
            check_same_run(PAPER, changed(PAPER, {name: value}), "RUN")
    said = check_same_run(PAPER, changed(PAPER, {"learning_rate": 1e-5, "steps": 400_000}), "RUN")
    assert said == ["The run goes on with learning_rate 1e-05 instead of 0.0002."]
