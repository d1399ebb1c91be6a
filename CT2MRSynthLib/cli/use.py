"""``ct2mrsynth use``: make a bundle the one in use, through the gate or by an override that its card records."""

from __future__ import annotations

import argparse

SUMMARY = "make a generator the one in use"

DESCRIPTION = """\
Make BUNDLE the one that synthesis uses. It needs a verdict of ct2mrsynth compare that says that it is better than the
one in use now, on patients neither has seen; or an override with a reason, which the bundle's card keeps for all to
see. The bundle is copied to the user's own folder (~/.ct2mrsynth, or CT2MRSYNTH_HOME)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="folder of the bundle")
    parser.add_argument("--verdict", metavar="DIR", help="folder that ct2mrsynth compare wrote")
    parser.add_argument("--override", metavar="REASON", help="use it whatever a verdict says")
    parser.add_argument("--reader", default="", metavar="CODE", help="code of who decides; never a name")
    parser.add_argument("--default", action="store_true", help="go back to the bundle that came with the software")
    parser.add_argument("--json", action="store_true", help="what is in use now as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; returns the exit status."""
    admitted = _decide(arguments)
    bundle = admitted.bundle
    if arguments.json:
        import json

        content = {
            "path": str(bundle.path),
            "title": bundle.card.title,
            "sha256": bundle.sha256,
            "admission": bundle.card.admission,
            "note": admitted.note,
        }
        print(json.dumps(content))
        return 0
    print(f"In use: {bundle.card.title}, {bundle.path}")
    if admitted.note:
        print(f"Note: {admitted.note}")
    return 0


def _decide(arguments: argparse.Namespace):
    from CT2MRSynthLib.errors import UsageError

    if arguments.default:
        if arguments.bundle or arguments.verdict or arguments.override is not None:
            raise UsageError("--default goes back to the bundle that came with the software; give nothing else.")
        from CT2MRSynthLib.evaluation.gate import use_default

        return use_default()
    if not arguments.bundle:
        raise UsageError("Give the folder of a bundle, or --default.")
    if arguments.override is None and not arguments.verdict:
        raise UsageError(
            "Give --verdict with the folder of a verdict that says the bundle is better, or --override with a reason."
        )
    from CT2MRSynthLib.evaluation.gate import use_by_override, use_by_verdict

    if arguments.override is not None:
        return use_by_override(arguments.bundle, arguments.override, arguments.reader, arguments.verdict)
    return use_by_verdict(arguments.bundle, arguments.verdict, arguments.reader)
