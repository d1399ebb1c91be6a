"""The gate: a generator becomes the one in use because a verdict says it is better than the one before, or because
somebody takes that upon himself; its card keeps which, and what was known.

A bundle that is let in is copied into ``bundles`` of the user's own folder, and ``in_use.json`` beside that names the
copy and the hash of its weights. The card's ``admission`` holds ``by`` ("verdict" or "override"), ``date_utc``,
``reader`` (a code), ``instead_of`` (hash of the weights in use before), ``reason`` (of an override) and ``verdict``
(sentence, numbers, what it was measured on).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.bundle import (
    IN_USE_FILE,
    Bundle,
    check_bundle,
    default_bundle_path,
    home_folder,
    in_use,
    load_bundle,
    shipped_bundle_path,
)
from CT2MRSynthLib.errors import CT2MRSynthError, InputError, OutputError, UsageError
from CT2MRSynthLib.evaluation.predict import card_sha256
from CT2MRSynthLib.evaluation.selection import seen_by_bundle
from CT2MRSynthLib.evaluation.statistics import judge
from CT2MRSynthLib.evaluation.verdict import read_verdict
from CT2MRSynthLib.modelcard import write_card
from CT2MRSynthLib.pairset.decisions import CODE
from CT2MRSynthLib.provenance import to_json, utc_now

SCHEMA = 1

#: What the card keeps of a verdict.
KEPT = (
    "verdict", "better", "patients", "better_on", "worse_on", "difference", "ci_low", "ci_high", "p_value", "mae_a",
    "mae_b", "psnr_a", "psnr_b", "ssim_a", "ssim_b", "pairs", "allow_seen", "notes", "created_utc",
)  # fmt: skip


@dataclass(frozen=True)
class Admitted:
    """What is in use now.

    Args:
        bundle: The bundle.
        note: What the user must be told besides; may be empty.
    """

    bundle: Bundle
    note: str = ""


def use_by_verdict(bundle: str | Path, verdict: str | Path, reader: str = "") -> Admitted:
    """Make a bundle the one in use because a verdict says that it is better than the one in use.

    Args:
        bundle: Its folder.
        verdict: Folder that ``ct2mrsynth compare`` wrote.
        reader: Code of who looked at the pictures; may be empty.

    Raises:
        InputError: The verdict is missing or damaged, does not say so, or is of other bundles.
        BundleError: The bundle cannot be used.
        OutputError: It cannot be copied; the one in use stays so.
    """
    new, content = load_bundle(bundle), read_verdict(verdict)
    before = _now()
    if before is not None and before.sha256 == new.sha256:
        return Admitted(before, "It is in use already; nothing was changed.")
    _check(content, new, before)
    return _admit(new, before, reader, {"by": "verdict", "verdict": _kept(content)})


def use_by_override(bundle: str | Path, reason: str, reader: str = "", verdict: str | Path | None = None) -> Admitted:
    """Make a bundle the one in use whatever any verdict says; its card keeps the reason.

    Args:
        bundle: Its folder.
        reason: Why, in words; nothing that names a patient.
        reader: Code of who takes it upon himself; may be empty.
        verdict: Folder of a verdict of this bundle, to be kept with it; None: there is none.

    Raises:
        UsageError: There is no reason.
        InputError: The verdict is of another bundle, missing or damaged.
        BundleError: The bundle cannot be used.
        OutputError: It cannot be copied; the one in use stays so.
    """
    if not reason.strip():
        raise UsageError("An override needs a reason, which the card keeps: --override 'why'.")
    new, before = load_bundle(bundle), _now()
    admission = {"by": "override", "reason": reason.strip()}
    if verdict is not None:
        content = read_verdict(verdict)
        _check_is_b(content, new)
        admission["verdict"] = _kept(content)
    return _admit(new, before, reader, admission)


def use_default() -> Admitted:
    """Go back to the bundle that came with the software.

    Raises:
        BundleError: None came with it.
        OutputError: The note of what is in use cannot be removed.
    """
    shipped = check_bundle(shipped_bundle_path())
    path = home_folder() / IN_USE_FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot remove {path}: {error.strerror or error}; check its rights.") from None
    return Admitted(shipped)


def _now() -> Bundle | None:
    """The bundle in use; None where nothing is."""
    try:
        return check_bundle(default_bundle_path())
    except CT2MRSynthError:
        return None


def _check(content: dict, new: Bundle, before: Bundle | None) -> None:
    """Refuse a verdict that does not say that ``new`` is better than ``before``."""
    _check_is_b(content, new)
    other = _entry(content, "a")
    if before is not None and not _same(other, before):
        raise InputError(
            f"The verdict holds the bundle against {other.get('title')} (weights {str(other.get('sha256'))[:12]}...), "
            f"not against the one in use ({before.card.title}, weights {before.sha256[:12]}...); compare it with that "
            "one, which ct2mrsynth compare does without --a."
        )
    if content.get("allow_seen") or content.get("seen_patients"):
        raise InputError(
            "The verdict was made with --allow-seen: it says nothing on unseen patients; compare again without it."
        )
    if (content.get("pairs") or {}).get("split") == "unseen" and not seen_by_bundle("B", new.card).known:
        raise InputError(
            "The card of the bundle does not list whom it was trained on and the pair set of the verdict has no split, "
            "so nothing tells that these patients are new to it; compare on patients put into test."
        )
    _check_numbers(content)
    if not content["better"]:
        raise InputError(
            f"The verdict does not say that the bundle is better: {content['verdict']} Keep the one in use, or give "
            "--override with a reason, which the card keeps."
        )


def _check_is_b(content: dict, new: Bundle) -> None:
    found = _entry(content, "b")
    if not _same(found, new):
        what = "the weights" if found.get("sha256") != new.sha256 else "the card's entries"
        raise InputError(
            f"The verdict is of another bundle: {what} of B ({found.get('title')}) differ from those of "
            f"{new.path}; compare this bundle, or give the one the verdict is of."
        )


def _same(entry: dict, bundle: Bundle) -> bool:
    return (entry.get("sha256"), entry.get("card_sha256")) == (bundle.sha256, card_sha256(bundle.card))


def _entry(content: dict, name: str) -> dict:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _check_numbers(content: dict) -> None:
    """Judge the patients' own numbers again: a file can be edited, and what it says first is what people read."""
    try:
        rows = content["per_patient"]
        found = judge([float(row["difference"]) for row in rows])
        fits = all(abs(row["mae_a"] - row["mae_b"] - row["difference"]) < 1e-5 for row in rows)
        fits = fits and (content["better"], content["patients"]) == (found.better, found.patients)
        fits = fits and content["verdict"].startswith(found.sentence)
    except (KeyError, TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise InputError("The numbers of the verdict do not fit together: verdict.json was altered; compare again.")


def _kept(content: dict) -> dict:
    against = {key: _entry(content, "a").get(key) for key in ("title", "sha256")}
    return {**{key: content.get(key) for key in KEPT}, "against": against}


def _admit(new: Bundle, before: Bundle | None, reader: str, admission: dict) -> Admitted:
    """Copy the bundle with what let it in, then name it: the one in use changes in one step or not at all."""
    if reader and not CODE.fullmatch(reader):
        raise UsageError(
            f"The reader is {reader!r}; give a code of up to 16 letters and digits without spaces, such as AB."
        )
    note = in_use()[1]
    admission = {**admission, "date_utc": utc_now(), "reader": reader}
    admission["instead_of"] = before.sha256 if before is not None else None
    copy = _copied(new, admission)
    content = {"schema": SCHEMA, "bundle": copy.path.name, "sha256": copy.sha256, "since_utc": admission["date_utc"]}
    write_text(home_folder() / IN_USE_FILE, to_json(content))
    return Admitted(copy, note)


def _copied(new: Bundle, admission: dict) -> Bundle:
    """A copy of a bundle among the user's own, named after its weights, whole or not at all."""
    home = home_folder()
    target = home / "bundles" / _folder_name(new)
    card = replace(new.card, admission=admission)
    if _is_whole(target):
        write_card(target, card)
        return check_bundle(target)
    temporary = None
    try:
        (home / "bundles").mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".part-", dir=home))  # not among the bundles, where it would be listed
        whole = temporary / "bundle"
        whole.mkdir()
        shutil.copyfile(new.weights_path, whole / new.weights_path.name)
        write_card(whole, card)
        load_bundle(whole)
        if target.exists():  # a broken copy of before
            target.rename(temporary / "broken")
        whole.rename(target)
    except OSError as error:
        raise OutputError(
            f"Cannot copy the bundle to {target}: {error.strerror or error}; free some space or check the rights. The "
            "bundle in use stays the same."
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return check_bundle(target)


def _folder_name(bundle: Bundle) -> str:
    """A name for people, and a hash of all that makes the bundle but for how it was let in: same name, same bundle."""
    stem = re.sub(r"[^A-Za-z0-9.]+", "-", f"{bundle.card.name}-{bundle.card.version}").strip(".-")
    return f"{stem[:60]}-{card_sha256(bundle.card)[:12]}"


def _is_whole(folder: Path) -> bool:
    try:
        check_bundle(folder)
    except CT2MRSynthError:
        return False
    return True
