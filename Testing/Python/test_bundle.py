"""A bundle is used only when card, hash, shapes and values agree."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

from CT2MRSynthLib import bundle as bundles
from CT2MRSynthLib.bundle import check_bundle, default_bundle_path, list_bundles, load_bundle, save_bundle
from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import BundleError
from CT2MRSynthLib.modelcard import ModelCard, read_card

torch = pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib.networks.generator import Generator  # noqa: E402


def a_card(**changes) -> ModelCard:
    values = {
        "name": "test",
        "version": "0.1.0",
        "architecture": {"name": "johnson-resnet", "width": 4, "blocks": 1},
        "ct_window": (-200, 600),
        "training_data": {"description": "none", "pairs": 0},
    }
    return ModelCard(**{**values, **changes})


@pytest.fixture
def a_bundle(tmp_path):
    """A usable bundle."""
    torch.manual_seed(0)
    return save_bundle(tmp_path / "bundle", Generator(4, 1).state_dict(), a_card())


def edit_card(bundle, edit) -> None:
    path = bundle.path / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card.pop("card_sha256")
    edit(card)
    path.write_text(json.dumps(card), encoding="utf-8")


def test_what_is_saved_is_what_is_loaded(tmp_path):
    torch.manual_seed(3)
    generator = Generator(4, 1).eval()
    saved = save_bundle(tmp_path / "b", generator.state_dict(), a_card(field_of_view=(70, 120)), half=False)
    loaded = load_bundle(tmp_path / "b")
    assert loaded.card == saved.card
    image = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(loaded.generator()(image), generator(image))


def test_half_precision_weights_change_less_than_a_grey_level(tmp_path):
    torch.manual_seed(3)
    generator = Generator(8, 3).eval()
    image = torch.rand(1, 1, 64, 64) * 2 - 1
    card = a_card(architecture={"name": "johnson-resnet", "width": 8, "blocks": 3})
    halved = save_bundle(tmp_path / "b", generator.state_dict(), card).generator()
    with torch.no_grad():
        assert float((halved(image) - generator(image)).abs().mean()) * 127.5 < 1.0


def test_one_flipped_bit_is_refused(a_bundle):
    content = bytearray(a_bundle.weights_path.read_bytes())
    content[len(content) // 2] ^= 1
    a_bundle.weights_path.write_bytes(content)
    with pytest.raises(BundleError, match="altered or is incomplete"):
        load_bundle(a_bundle.path)


def test_one_flipped_bit_in_the_card_is_refused(a_bundle):
    path = a_bundle.path / "card.json"
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        content = bytearray(whole)
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(BundleError):
            check_bundle(a_bundle.path)
    path.write_bytes(whole)
    check_bundle(a_bundle.path)


def test_a_card_changed_on_purpose_is_read_once_its_checksum_is_taken_out(a_bundle):
    edit_card(a_bundle, lambda card: card.update(name="ours"))
    assert load_bundle(a_bundle.path).card.name == "ours"


def test_info_refuses_what_synthesis_refuses(a_bundle):
    edit_card(a_bundle, lambda card: card["architecture"].update(width=8))
    assert main(["info", str(a_bundle.path)]) == 3


def test_weights_that_changed_after_the_check_are_refused(a_bundle):
    checked = check_bundle(a_bundle.path)
    a_bundle.weights_path.write_bytes(b"other")
    with pytest.raises(BundleError, match="not the ones the card describes"):
        checked.generator()


def test_missing_folder_card_or_weights_are_named(a_bundle, tmp_path):
    with pytest.raises(BundleError, match="no model bundle at .*nowhere"):
        load_bundle(tmp_path / "nowhere")
    card = a_bundle.path / "card.json"
    text = card.read_text(encoding="utf-8")
    card.unlink()
    with pytest.raises(BundleError, match="has no card.json"):
        load_bundle(a_bundle.path)
    card.write_text(text, encoding="utf-8")
    a_bundle.weights_path.unlink()
    with pytest.raises(BundleError, match=r"weights\.pt cannot be read"):
        load_bundle(a_bundle.path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"card"', "\ufeff{}", "[" * 100_000, '{"schema": NaN}'])
def test_a_card_that_is_no_card_is_refused(a_bundle, text):
    (a_bundle.path / "card.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match="model card"):
        load_bundle(a_bundle.path)


@pytest.mark.parametrize(
    "edit, sentence",
    [
        (lambda card: card.update(schema=2), "schema 2"),
        (lambda card: card.pop("name"), "lacks 'name'"),
        (lambda card: card.update(colour="grey"), "unknown entry 'colour'"),
        (lambda card: card.update(version=1), "version is 1"),
        (lambda card: card.update(ct_window=[600, -200]), "ct_window"),
        (lambda card: card.update(ct_window=["a", "b"]), "ct_window"),
        (lambda card: card.update(pixel_spacing=3), "pixel_spacing"),
        (lambda card: card.update(preliminary="yes"), "preliminary"),
        (lambda card: card["architecture"].update(width=8), "shape"),
        (lambda card: card["architecture"].update(width="4"), "architecture.width"),
        (lambda card: card["architecture"].update(width=10**9), "architecture.width"),
        (lambda card: card["architecture"].update(blocks=2), "missing or too much"),
        (lambda card: card["architecture"].update(name="u-net"), "'u-net'"),
        (lambda card: card["weights"].update(file="../bundle/weights.pt"), "outside the bundle"),
        (lambda card: card["weights"].update(file="/etc/hostname"), "outside the bundle"),
        (lambda card: card["weights"].update(file=".."), "outside the bundle"),
        (lambda card: card["weights"].update(file=5), "names no weights"),
        (lambda card: card["weights"].pop("sha256"), "not the ones the card describes"),
        (lambda card: card.update(weights=[]), "weights is"),
    ],
)
def test_a_card_with_a_wrong_entry_is_refused_by_name(a_bundle, edit, sentence):
    edit_card(a_bundle, edit)
    with pytest.raises(BundleError, match=sentence):
        load_bundle(a_bundle.path)


def test_a_link_out_of_the_bundle_is_not_followed(a_bundle, tmp_path):
    outside = tmp_path / "outside.pt"
    a_bundle.weights_path.rename(outside)
    try:
        a_bundle.path.joinpath("weights.pt").symlink_to(outside)
    except OSError:
        pytest.skip("no symbolic links here")
    with pytest.raises(BundleError, match="outside the bundle"):
        load_bundle(a_bundle.path)


def test_a_pickle_that_runs_code_is_refused_without_running_it(a_bundle, tmp_path):
    import hashlib
    import pickle

    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    content = pickle.dumps(Attack(), protocol=2)
    a_bundle.weights_path.write_bytes(content)
    edit_card(a_bundle, lambda card: card["weights"].update(sha256=hashlib.sha256(content).hexdigest()))
    with pytest.raises(BundleError, match="not plain tensors"):
        load_bundle(a_bundle.path)
    assert not (tmp_path / "executed").exists()


def test_weights_that_are_not_finite_are_refused(tmp_path):
    state = Generator(4, 1).state_dict()
    state["last.bias"] = torch.full_like(state["last.bias"], float("nan"))
    save_bundle(tmp_path / "b", state, a_card())
    with pytest.raises(BundleError, match="no finite numbers, in last.bias"):
        load_bundle(tmp_path / "b")


def test_reading_and_checking_a_card_needs_no_torch(a_bundle):
    code = (
        "import sys; from CT2MRSynthLib.bundle import check_bundle; from CT2MRSynthLib.cli import main;"
        f"check_bundle({str(a_bundle.path)!r}); assert main(['info', {str(a_bundle.path)!r}, '--quick']) == 0;"
        "print([name for name in ('torch', 'numpy', 'SimpleITK', 'scipy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
    assert "test 0.1.0 (PRELIMINARY)" in result.stdout


def test_info_shows_checks_and_lists(a_bundle, tmp_path, capsys):
    assert main(["info", str(a_bundle.path), "--quick"]) == 0
    assert "PRELIMINARY" in capsys.readouterr().out
    assert main(["info", str(a_bundle.path), "--json"]) == 0
    assert ModelCard.from_json(json.loads(capsys.readouterr().out)) == a_bundle.card
    assert main(["info", "--list", "--json", str(tmp_path)]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed[0] == {"path": str(a_bundle.path), "title": a_bundle.card.title, "in_use": False}
    a_bundle.weights_path.write_bytes(b"")
    assert main(["info", str(a_bundle.path)]) == 3
    assert "altered or is incomplete" in capsys.readouterr().err


def test_users_bundles_are_listed_and_broken_ones_left_out(tmp_path, monkeypatch):
    state = Generator(4, 1).state_dict()
    save_bundle(tmp_path / "mine" / "a", state, a_card(name="mine"))
    save_bundle(tmp_path / "named" / "b", state, a_card(name="named"))
    broken = save_bundle(tmp_path / "mine" / "broken", state, a_card(name="broken"))
    broken.weights_path.write_bytes(b"")
    monkeypatch.setenv("CT2MRSYNTH_BUNDLES", str(tmp_path / "mine"))
    names = [bundle.card.name for bundle in list_bundles(tmp_path / "named")]
    assert names[:2] == ["named", "mine"]
    assert "broken" not in names


def test_the_default_is_the_newest_that_is_not_preliminary(tmp_path, monkeypatch):
    state = Generator(4, 1).state_dict()
    monkeypatch.setattr(bundles, "_resource_folders", lambda: [tmp_path])
    with pytest.raises(BundleError, match="No usable model bundle"):
        default_bundle_path()
    save_bundle(tmp_path / "first", state, a_card(version="0.9.0"))
    assert default_bundle_path() == tmp_path / "first"
    save_bundle(tmp_path / "old", state, a_card(version="1.2.0", preliminary=False))
    save_bundle(tmp_path / "new", state, a_card(version="1.10.0", preliminary=False))
    save_bundle(tmp_path / "preview", state, a_card(version="2.0.0"))
    assert default_bundle_path() == tmp_path / "new"


def test_an_altered_default_bundle_is_named_as_altered(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "_resource_folders", lambda: [tmp_path])
    weights = save_bundle(tmp_path / "only", Generator(4, 1).state_dict(), a_card()).weights_path
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BundleError, match="altered or is incomplete"):
        default_bundle_path()


def test_the_card_survives_json(a_bundle):
    assert ModelCard.from_json(json.loads(json.dumps(a_bundle.card.to_json()))) == a_bundle.card
    assert read_card(a_bundle.path) == a_bundle.card
