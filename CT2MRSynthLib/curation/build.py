"""A pair set from the scans of many patients; who fails stops no other, who is unchanged is not done again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from CT2MRSynthLib import __version__
from CT2MRSynthLib.curation.boxes import read_levels, with_half_width
from CT2MRSynthLib.curation.options import BuildOptions
from CT2MRSynthLib.curation.patient_pairs import make_pairs
from CT2MRSynthLib.curation.patients import Patient, find_patients
from CT2MRSynthLib.curation.scans import hash_sources, hash_voxels, read_scans
from CT2MRSynthLib.curation.work import Work
from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError, OutputError, UsageError
from CT2MRSynthLib.pairset import MANIFEST, PairSetWriter, is_complete, read_manifest
from CT2MRSynthLib.progress import Progress
from CT2MRSynthLib.report import without_folders

COMMAND = "pairs build"
DONE, FAILED = "done", "failed"
WORDS = {"register": "registering", "pairs": "making pairs"}

#: What is expected of each stage before anything was measured.
HASH_BYTES_PER_SECOND, READ_BYTES_PER_SECOND = 3e8, 2e7
REGISTER_SECONDS, LEVEL_SECONDS, SLICES_SECONDS = 15.0, 4.0, 5.0


@dataclass(frozen=True)
class BuildResult:
    """What a run made.

    Args:
        folder: Of the pair set.
        made, skipped: Codes of patients done in this run, and before it.
        failed: Sentence by code.
        doubtful: Sentence by code of patients whose pairs are all excluded, as their registration is not trusted.
        accepted, excluded: Pairs in the set that are used, and that are not.
        audit: The audit page.
    """

    folder: Path
    made: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: dict[str, str]
    doubtful: dict[str, str]
    accepted: int
    excluded: int
    audit: Path

    @property
    def exit_status(self) -> int:
        """1 where a patient failed, or no registration could be trusted and so no pair of the set is used."""
        return 1 if self.failed or (self.doubtful and not self.accepted) else 0


def build_pairs(
    patients: str | Path,
    out: str | Path,
    options: BuildOptions | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> BuildResult:
    """Make a pair set of the scans of many patients, or bring one up to date.

    Args:
        patients: Folder or manifest (see ``find_patients``).
        out: Folder of the pair set.
        options: How.
        progress: Hears how far the run is.
        cancelled: Asked now and then; True ends the run, and what is complete is kept.

    Raises:
        InputError: There are no patients.
        UsageError: The folder holds another pair set.
        OutputError: The folder cannot be written.
        Cancelled: ``cancelled`` said so.
    """
    options, progress = options or BuildOptions(), progress or Progress()
    return _Build(Path(out), options, progress, cancelled or (lambda: False)).execute(Path(patients))


class _Build:
    def __init__(self, out: Path, options: BuildOptions, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self.out, self.options, self.progress, self.cancelled = out, options, progress, cancelled
        self.made: list[str] = []
        self.skipped: list[str] = []
        self.failed: dict[str, str] = {}
        self.doubtful: dict[str, str] = {}
        self.voxels: dict[str, list[str]] = {}

    def execute(self, patients: Path) -> BuildResult:
        if patients.is_dir() and self.out.absolute() == patients.absolute():
            raise UsageError(f"The pairs would go into the folder of the patients, {patients}; give another --out.")
        works = [Work(patient) for patient in find_patients(patients, self.options.sequence, (self.out,))]
        before = self._before()
        for work in works:
            self._expect(work)
        self.progress.start(len(works), 0)
        with self._open(before) as self.writer:
            self.records = self.writer.made_by["patients"]
            self._forget_others({work.code for work in works})
            self._prepare(works)
            for work in works:
                if self.cancelled():
                    raise Cancelled
                if work.code not in self.failed:
                    self._attempt(work, self._do)
                self.progress.drop(*work.stages.values())
            self.writer.remove(self.writer.outdated)
            if self.split:
                self._divide(before)
        return self._result()

    def _before(self) -> dict:
        """What an earlier run was asked for; nothing, where there was none."""
        return read_manifest(self.out).made_by if (self.out / MANIFEST).exists() else {}

    def _open(self, before: dict) -> PairSetWriter:
        # what was found in the patients is no request: the writer must not take a difference there for another one
        asked = {"command": COMMAND, "version": __version__, **self.options.of_images()}
        # a set that is split stays so: who is new gets a side too
        self.split = {key: before[key] for key in ("split", "seed") if key in before}
        if self.options.split:
            self.split = {"split": list(self.options.split), "seed": self.options.seed}
        found = {"common_half_width_mm": before.get("common_half_width_mm"), "patients": before.get("patients", {})}
        return PairSetWriter(self.out, {**asked, **self.split, **found}, update=True)

    def _expect(self, work: Work) -> None:
        size = work.size
        seconds = {"hash": 0.02 + size / HASH_BYTES_PER_SECOND, "read": 0.3 + size / READ_BYTES_PER_SECOND}
        seconds["register"] = REGISTER_SECONDS if self.options.registration == "rigid" else 0.1
        seconds["pairs"] = SLICES_SECONDS if self.options.every else 5 * LEVEL_SECONDS
        work.stages = {kind: self.progress.expect(kind, expected) for kind, expected in seconds.items()}

    def _forget_others(self, codes: set[str]) -> None:
        """Take out what is of patients who are no longer given."""
        gone = sorted(set(self.records) - codes)
        for code in gone:
            self.progress.warn("This patient is no longer given; the pairs are taken out.", ct=code)
            del self.records[code]
        self.writer.remove([entry.id for entry in self.writer.entries if entry.patient not in codes])

    def _prepare(self, works: Sequence[Work]) -> None:
        """Hashes and boxes of all patients: duplicates and the common half-width concern all of them."""
        for work in works:
            self._attempt(work, self._look)
        self._refuse_duplicates(works)
        widths = [level.half_width for work in works for level in work.levels if level.half_width]
        width = self.options.lateral_half_width or (max(widths) if widths else None)
        for work in works:
            work.levels = [with_half_width(level, width) for level in work.levels]
        self.writer.made_by["common_half_width_mm"] = None if width is None else round(width, 3)

    def _look(self, work: Work) -> None:
        if work.patient.problem:
            raise CT2MRSynthError(work.patient.problem, work.patient.problem_kept or None)
        with self.progress.stage(work.stages["hash"], "looking for what is done", ct=work.code):
            work.sources = hash_sources(work.patient)
        if self.options.every:
            return
        if not work.patient.markups:
            raise CT2MRSynthError(
                "No disc levels are given: add boxes or landmarks (*.mrk.json), or use --every N for slices that show "
                "no disc."
            )
        work.levels = read_levels(work.patient.markups)

    def _refuse_duplicates(self, works: Sequence[Work]) -> None:
        """One scan under two codes would be on both sides of a split."""
        owners: dict[str, list[Work]] = {}
        for work in works:
            scans = [*work.sources.get("ct", []), *work.sources.get("mr", [])]
            if len(set(scans)) < len(scans):
                self._fail(work, "Two of the patient's scans are the same file; give CT and MR, each once.")
            for digest in set(scans):
                owners.setdefault(digest, []).append(work)
        for same in owners.values():
            for work in same if len(same) > 1 else ():
                self._fail(work, _duplicate(work.code, [other.code for other in same]))

    def _do(self, work: Work) -> None:
        """All pairs of a patient, unless they are there."""
        request = work.request(self.options)
        record = self.records.get(work.code, {})
        if record.get("status") == DONE and record.get("request") == request and self._is_there(record["pairs"]):
            self.skipped.append(work.code)
            self.voxels[work.code] = record.get("voxels", [])
            self._doubt(work, record.get("doubt", ""))
            self._tell("skipped", work)
            return
        where = {"ct": work.code}
        with self.progress.stage(work.stages["read"], "reading CT and MR", **where) as advance:
            scans = read_scans(work.patient, advance)
        for warning in scans.warnings:
            self.progress.warn(self._clean(warning, work), **where)
        voxels = [hash_voxels(volume) for volume in (scans.ct, *scans.mrs)]
        self._refuse_same_voxels(work, voxels)
        self.voxels[work.code] = voxels
        made, side = self._make(work, scans), self._side(work.code)
        self.writer.remove({entry.id for entry in self._own(work.code)} - {entry.id for entry in made.entries})
        for entry in made.entries:
            self.writer.add(replace(entry, split=side))
        self.records[work.code] = {
            "status": DONE,
            "request": request,
            "voxels": voxels,
            "pairs": [entry.id for entry in made.entries],
            "doubt": made.doubt,
        }
        # the pairs stay, excluded, each says why; unless a reviewer has looked at them and accepted one
        if made.problem and not any(entry.accepted for entry in self._own(work.code)):
            raise _Untrusted(made.problem)
        self.made.append(work.code)
        self._doubt(work, made.doubt)
        self._tell("written", work)

    def _doubt(self, work: Work, sentence: str) -> None:
        if sentence and not any(entry.accepted for entry in self._own(work.code)):
            self.doubtful[work.code] = sentence
            self.progress.warn(f"All pairs are excluded: {sentence}", ct=work.code)

    def _make(self, work: Work, scans):
        """Turn what the maker tells into stages of the progress."""
        with contextlib.ExitStack() as stack:
            current, advance = "", None

            def tell(name: str, fraction: float) -> None:
                nonlocal current, advance
                if name != current:
                    stack.close()
                    current = name
                    stage = self.progress.stage(work.stages[name], WORDS[name], ct=work.code)
                    advance = stack.enter_context(stage)
                advance(fraction)

            return make_pairs(self.out, work.code, scans, work.levels, work.sources, self.options, tell, self.cancelled)

    def _attempt(self, work: Work, step: Callable[[Work], None]) -> None:
        """Do a step; what goes wrong with one patient, in whatever way, must not stop the others."""
        try:
            step(work)
        except (Cancelled, BrokenPipeError, OutputError):
            raise
        except _Untrusted as error:
            self._fail(work, str(error), keep=True)
        except CT2MRSynthError as error:
            self._fail(work, str(error), error.for_records)
        except MemoryError:
            self._fail(work, "There is not enough memory; close other programs.")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._fail(work, f"{reason}: {Path(error.filename or 'a file').name}.", f"{reason}.")
        except Exception as error:
            kind = f"Unexpected {type(error).__name__}"
            self._fail(work, f"{kind}: {error}; please report it.", f"{kind}; please report it.")

    def _fail(self, work: Work, message: str, kept: str | None = None, keep: bool = False) -> None:
        if work.code in self.failed:
            return
        message = self._clean(message, work)
        self.failed[work.code] = message
        # who comes back after a mishap goes to the side of before
        side = self._side(work.code)
        record = self.records.get(work.code, {}) if keep else {"pairs": [], **({"side": side} if side else {})}
        error = work.for_records(self._clean(kept or message, work))
        self.records[work.code] = {**record, "status": FAILED, "error": error}
        if not keep:
            self.writer.remove([entry.id for entry in self._own(work.code)])
        self.progress.fail(message, ct=work.code)

    def _refuse_same_voxels(self, work: Work, voxels: list[str]) -> None:
        """The same image in another file, under another name or header."""
        if len(set(voxels)) < len(voxels):
            raise CT2MRSynthError("Two of the patient's scans are the same image; give CT and MR, each once.")
        others = [code for code, seen in self.voxels.items() if set(seen) & set(voxels)]
        if others:
            codes = [work.code, *others]
            for code in others:
                if code in self.made:
                    self.made.remove(code)
                if code in self.skipped:
                    self.skipped.remove(code)
                self._fail(Work(Patient(code)), _duplicate(code, codes))
            raise CT2MRSynthError(_duplicate(work.code, codes))

    def _is_there(self, identifiers: Sequence[str]) -> bool:
        """Whether all pairs are complete; those that another request had outdated are taken up again."""
        entries = [self.writer.get(identifier) for identifier in identifiers]
        if None in entries or not all(is_complete(self.out, entry) for entry in entries):
            return False
        for entry in entries:
            self.writer.add(entry)
        return True

    def _divide(self, before: dict) -> None:
        if any(before.get(key, value) != value for key, value in self.split.items()):
            self.progress.warn(
                "Patients stay on the sides they were put on before; for another split of all, build into a new folder."
            )
        self.writer.assign_splits(self.split["split"], self.split.get("seed", 1))

    def _tell(self, status: str, work: Work) -> None:
        own = self._own(work.code)
        accepted = sum(entry.accepted for entry in own)
        self.progress.result(
            status,
            {
                "volume": f"{accepted} pairs accepted, {len(own) - accepted} not",
                "pairs": len(own),
                "accepted": accepted,
            },
            ct=work.code,
        )

    def _own(self, code: str) -> list:
        return [entry for entry in self.writer.entries if entry.patient == code]

    def _side(self, code: str) -> str | None:
        """Where a patient is, or was before a mishap."""
        sides = [entry.split for entry in self._own(code) if entry.split]
        return sides[0] if sides else self.records.get(code, {}).get("side")

    def _clean(self, text: str, work: Work) -> str:
        return without_folders(text, *work.paths, self.out / "x")

    def _result(self) -> BuildResult:
        from CT2MRSynthLib.pairset.audit import write_audit

        entries = self.writer.entries
        accepted = sum(entry.accepted for entry in entries)
        return BuildResult(
            self.out,
            tuple(self.made),
            tuple(self.skipped),
            self.failed,
            self.doubtful,
            accepted,
            len(entries) - accepted,
            write_audit(self.out),
        )


class _Untrusted(CT2MRSynthError):
    """The pairs of a patient are made, but none is to be used."""


def _duplicate(code: str, codes: Sequence[str]) -> str:
    others = " and ".join(sorted(other for other in codes if other != code))
    return f"A scan of {code} is the same as one of {others}; keep it under one code, the one it belongs to."
