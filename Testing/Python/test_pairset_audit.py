"""The audit page: everything in one file that loads and runs nothing, true pictures, commands that work."""

import base64
import json
import re
import shlex
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from test_pairset_update import GRID, without_images

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.pairset import PairSetWriter, read_manifest, write_pair
from CT2MRSynthLib.pairset.audit import write_audit
from CT2MRSynthLib.pairset.audit.pictures import BYTES, MOST, edge_for, embedded, outlines, panels_of
from CT2MRSynthLib.pairset.manifest import Decision

VOID = {"meta", "img", "input", "br"}
CHECKS = [
    {"name": "angle", "value": 4.25, "limit": 3.0, "unit": "deg", "passed": False},
    {"name": "mr_contrast", "value": 38.0, "limit": 6.0, "unit": "grey levels", "passed": True},
]
DETAILS = {"checks": CHECKS, "registration": {"rotation_deg": 1.5, "shift_mm": [0.5, -1.0, 2.25]}, "days_apart": 12}
LONG = "P03-of-a-center-with-a-long-name_L4-L5"
NASTY = '<script>alert("x")</script> & \'<img src="http://example.org/x.png">'


def scene():
    """CT and MR of one slice: fat all over, muscle in a disc, bone ventral on the patient's right."""
    row, column = np.indices((256, 256))
    muscle = np.hypot(row - 150, column - 128) < 60
    bone = np.hypot(row - 40, column - 60) < 25
    ct = np.where(bone, 900.0, np.where(muscle, 60.0, -100.0))
    return ct, np.where(bone, 10, np.where(muscle, 90, 230)).astype(np.uint8)


def make(folder, simulated: bool = False):
    with PairSetWriter(folder, {"command": "build", "note": NASTY}, simulated, update=True) as writer:
        for level in ("L3-L4", "L4-L5", "L5-S1"):
            writer.add(write_pair(folder, "P01", level, *scene(), GRID, details=DETAILS))
        other = (image[:, ::-1] for image in scene())  # one image under two codes would be a leak
        entry = write_pair(folder, "P02", "L4-L5", *other, GRID, details={**DETAILS, "warnings": [NASTY]})
        writer.add(replace(entry, decision=Decision("excluded", "The MR slice is turned by 4.2 degrees.")))
        writer.add(without_images("P03-of-a-center-with-a-long-name", "L4-L5", NASTY))
        writer.add(replace(writer.get("P01_L4-L5"), decision=Decision("rejected", "", "AB", NASTY), split="test"))
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return make(tmp_path_factory.mktemp("audited"))


class Page(HTMLParser):
    """Elements by name with their attributes, the text of each article, and whether all that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.codes, self.open = defaultdict(list), defaultdict(str), defaultdict(list), []
        self.article = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements[tag].append(dict(attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "article":
            self.article = dict(attributes)["id"]
        if tag == "code":
            self.codes[self.article].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.article = "" if tag == "article" else self.article

    def handle_data(self, data):
        self.texts[self.article] += data
        if self.open and self.open[-1] == "code":
            self.codes[self.article][-1] += data


@pytest.fixture(scope="module")
def page(pairs):
    page = Page(write_audit(pairs).read_text(encoding="utf-8"))
    assert page.open == []
    return page


def pictures(page) -> list[Image.Image]:
    head = "data:image/jpeg;base64,"
    assert all(image["src"].startswith(head) for image in page.elements["img"])
    sources = [base64.b64decode(image["src"][len(head) :]) for image in page.elements["img"]]
    return [Image.open(BytesIO(source)) for source in sources]


def test_the_page_loads_and_runs_nothing(page, pairs):
    text = (pairs / "audit.html").read_text(encoding="utf-8")
    assert not {"script", "iframe", "object", "embed", "link", "form", "base"} & set(page.elements)
    assert re.search(r"(url\(|@import)", text) is None
    for tag, elements in page.elements.items():
        for attributes in elements:
            assert not [name for name in attributes if name.startswith("on")], tag
            for name in {"src", "href", "srcset", "action", "data"} & attributes.keys():
                assert attributes[name].startswith(("data:image/jpeg;base64,", "#")), (tag, attributes[name])
    policy = [one["content"] for one in page.elements["meta"] if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_what_a_manifest_holds_is_shown_as_text(page):
    assert NASTY in page.texts["P01_L4-L5"] and NASTY in page.texts["P02_L4-L5"] and NASTY in page.texts[LONG]
    assert NASTY in page.texts[""]


def test_the_page_names_no_folder(page, pairs):
    assert str(pairs) not in (pairs / "audit.html").read_text(encoding="utf-8")


def test_every_pair_has_its_facts(page):
    classes = {one["id"]: one["class"].split() for one in page.elements["article"]}
    assert list(classes) == [entry for entry in ("P01_L3-L4", "P01_L4-L5", "P01_L5-S1", "P02_L4-L5", LONG)]
    assert classes["P01_L4-L5"] == ["pair", "rejected", "test"]
    assert classes["P02_L4-L5"] == ["pair", "excluded", "none", "attention"]
    for words in (
        "angle4.25 deg\u2264 3 degfailed",
        "mr contrast38 grey levels\u2265 6 grey levelspassed",
        "days apart12",
    ):
        assert words in page.texts["P01_L3-L4"]
    assert "decisionrejected by handreviewerAB" in page.texts["P01_L4-L5"]
    assert "turned by 4.2 degrees" in page.texts["P02_L4-L5"]


def test_the_summary_counts(page):
    for words in ("5 pairs of 3 patients: 2 accepted, 1 rejected, 2 excluded", "angle1", "rejected by hand1"):
        assert words in page.texts[""]


def test_filters_and_links_lead_somewhere(page):
    (style,) = re.findall(r"<style>(.*?)</style>", "", re.S) or [page.texts[""]]
    buttons = {one["id"] for one in page.elements["input"]}
    assert buttons == {one["for"] for one in page.elements["label"]}
    assert {"status-all", "status-excluded", "status-attention", "side-test", "side-none"} <= buttons
    kept = dict(re.findall(r"#([\w-]+):checked ~ main \.pair:not\(\.(\w+)\) \{ display: none; \}", style))
    assert buttons - kept.keys() == {"status-all", "side-all"}
    used = {name for one in page.elements["article"] for name in one["class"].split()}
    assert set(kept.values()) <= used
    ids = {one["id"] for one in page.elements["article"]}
    assert {one["href"] for one in page.elements["a"]} == {f"#{identifier}" for identifier in ids}


def test_pictures_are_as_a_radiologist_looks_at_them(page):
    found = pictures(page)
    assert len(found) == 4 * 4 and all(picture.size == (256, 256) and picture.format == "JPEG" for picture in found)
    ct, mr, board, _ = (np.asarray(picture.convert("L")).astype(int) for picture in found[:4])
    assert ct[40, 60] > 240 and mr[40, 60] < 25  # bone: anterior up, the patient's right on the left
    assert abs(mr[220, 60] - 230) < 12 and abs(ct[150, 128] - 140) < 12
    np.testing.assert_allclose(board[200:220, 200:220], ct[200:220, 200:220], atol=12)  # a square of the CT
    np.testing.assert_allclose(board[200:220, 230:250], mr[200:220, 230:250], atol=12)  # its neighbor, of the MR


def test_outlines_lie_on_the_edges_of_the_ct():
    ct, mr = scene()
    drawn = outlines(ct, mr)
    row, column = np.nonzero((drawn != mr[..., None]).any(axis=2))
    to_muscle = np.abs(np.hypot(row - 150, column - 128) - 60)
    to_bone = np.abs(np.hypot(row - 40, column - 60) - 25)
    assert (np.minimum(to_muscle, to_bone) < 3.5).all()
    assert (to_muscle < 3.5).sum() > 250 and (to_bone < 3.5).sum() > 100


def test_the_commands_beside_a_pair_work(tmp_path, monkeypatch, capsys):
    folder = make(tmp_path / "set of pairs")
    page = Page(write_audit(folder).read_text(encoding="utf-8"))
    assert [len(page.codes[entry.id]) for entry in read_manifest(folder).pairs] == [2, 1, 2, 2, 1]
    monkeypatch.chdir(folder)
    accept, reject = page.codes["P02_L4-L5"]
    for command, status in ((accept, "accepted"), (reject, "rejected")):
        program, *words = shlex.split(command.replace("CODE", "XY").replace('""', '"seen"'))
        assert program == "ct2mrsynth" and main(words) == 0
        decision = read_manifest(folder).pairs[3].decision
        assert (decision.status, decision.reviewer, decision.note) == (status, "XY", "seen")


def test_a_damaged_image_is_told_and_stops_nothing(tmp_path):
    folder = make(tmp_path)
    (folder / "P01" / "P01_L3-L4_CT.nrrd").write_bytes(b"half")
    page = Page(write_audit(folder).read_text(encoding="utf-8"))
    assert "missing, altered or cannot be read" in page.texts["P01_L3-L4"]
    assert len(page.elements["img"]) == 4 * 3


def test_a_simulated_set_says_so_everywhere(tmp_path):
    page = Page(write_audit(make(tmp_path, simulated=True)).read_text(encoding="utf-8"))
    assert "SIMULATED - no patient was imaged. SYNTHETIC - not for diagnosis." in page.texts[""]
    plain = [panel.image for panel in panels_of(*scene(), "T2", simulated=False)]
    marked = [panel.image for panel in panels_of(*scene(), "T2", simulated=True)]
    for one, other in zip(plain, marked, strict=True):
        difference = np.abs(np.asarray(one).astype(int) - np.asarray(other))
        assert difference[236:, :90].max() > 50 and difference[:230].max() == 0


def test_the_contact_sheet_frames_every_pair_by_its_decision(pairs, page):
    sheet = np.asarray(Image.open(pairs / "contact_sheet.png"))
    for color in ((80, 160, 100), (210, 80, 70), (220, 170, 60)):
        assert (sheet == color).all(axis=2).sum() > 500


def test_the_same_set_gives_the_same_files(pairs, page):
    before = [(pairs / name).read_bytes() for name in ("audit.html", "contact_sheet.png")]
    write_audit(pairs)
    assert [(pairs / name).read_bytes() for name in ("audit.html", "contact_sheet.png")] == before


def test_a_page_of_280_pairs_opens(pairs):
    """Pictures as noisy as any: their size is what was counted on, and in larger sets they are smaller."""
    ct, mr = scene()
    rng = np.random.default_rng(1)
    noisy = ct + rng.normal(0, 12, ct.shape), np.clip(mr + rng.normal(0, 6, mr.shape), 0, 255).astype(np.uint8)
    edge = edge_for(280)
    size = sum(len(embedded(panel.image, edge)) for panel in panels_of(*noisy, "T2", simulated=True))
    assert edge == 256 and 280 * size < 40e6
    assert edge_for(1000) < 256 and 1000 * BYTES * (edge_for(1000) / 256) ** 2 <= MOST


def test_an_empty_set_has_a_page(tmp_path):
    with PairSetWriter(tmp_path, {"command": "build"}):
        pass
    assert "0 pairs of 0 patients" in Page(write_audit(tmp_path).read_text(encoding="utf-8")).texts[""]


def test_details_can_be_read_back(page):
    (text,) = re.findall(r"all details(\{.*\})", page.texts["P01_L3-L4"], re.S)
    assert json.loads(text) == DETAILS
