"""How the audit page looks: neutral, light or dark as the browser is, filters without scripts."""

from __future__ import annotations

from collections.abc import Mapping

BASE = """
:root { color-scheme: light dark; --text: #1c1c1c; --quiet: #606060; --ground: #f4f4f4; --plate: #ffffff;
  --line: #d0d0d0; --good: #1d7a3a; --bad: #b3261e; --look: #8a5a00; --mark: #2f5f9e; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e4e4; --quiet: #a0a0a0; --ground: #181818;
  --plate: #222222; --line: #404040; --good: #6cc487; --bad: #f2877f; --look: #e0b050; --mark: #8ab4f0; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 6rem; }
body { margin: 0 auto; max-width: 1180px; padding: 1rem; background: var(--ground); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0.2rem 0; } h2 { font-size: 1.1rem; } h3 { font-size: 1rem; margin: 0 0 0.5rem; }
a { color: inherit; } a:hover { color: var(--mark); }
p { margin: 0.4rem 0; }
.simulated { border: 2px solid var(--look); color: var(--look); padding: 0.4rem 0.8rem; font-weight: 700; }
.summary, .facts { display: flex; flex-wrap: wrap; gap: 0.8rem 2rem; align-items: flex-start; }
table { border-collapse: collapse; font-size: 0.87rem; }
caption { text-align: left; font-weight: 600; padding: 0.2rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.1rem 0.9rem 0.1rem 0; font-weight: 400; max-width: 30rem;
  overflow-wrap: anywhere; }
th { color: var(--quiet); }
.summary td { font-variant-numeric: tabular-nums; }
.passed { color: var(--good); } .failed { color: var(--bad); font-weight: 700; }
code, pre { font: 0.8rem/1.5 ui-monospace, Consolas, monospace; }
code { display: inline-block; background: var(--ground); border: 1px solid var(--line); border-radius: 3px;
  padding: 0.1rem 0.5rem; user-select: all; -webkit-user-select: all; overflow-wrap: anywhere; }
pre { overflow: auto; max-height: 24rem; }
.commands { display: flex; flex-direction: column; align-items: flex-start; gap: 0.3rem; margin-top: 0.7rem; }
.bar { position: sticky; top: 0; z-index: 1; background: var(--ground); border-bottom: 1px solid var(--line);
  padding: 0.5rem 0; display: flex; flex-wrap: wrap; gap: 0.4rem 2rem; }
.group { display: flex; flex-wrap: wrap; gap: 0.3rem; align-items: center; }
.group span { color: var(--quiet); }
.bar label { border: 1px solid var(--line); border-radius: 1rem; padding: 0.05rem 0.7rem; cursor: pointer;
  background: var(--plate); }
.filter { position: fixed; top: 0; left: 0; opacity: 0; pointer-events: none; }
.index { columns: 16rem auto; font-size: 0.87rem; padding: 0; list-style: none; margin: 0.3rem 0; }
.index li { break-inside: avoid; }
.pair { background: var(--plate); border: 1px solid var(--line); border-left: 5px solid var(--good);
  border-radius: 4px; padding: 0.8rem; margin: 0.8rem 0; }
.pair.rejected { border-left-color: var(--bad); } .pair.excluded { border-left-color: var(--look); }
.badge { font-size: 0.78rem; font-weight: 400; border: 1px solid var(--line); border-radius: 1rem;
  padding: 0.05rem 0.6rem; margin-left: 0.5rem; }
.badge.accepted, .accepted.dot { color: var(--good); } .badge.rejected, .rejected.dot { color: var(--bad); }
.badge.excluded, .excluded.dot { color: var(--look); }
.badge.accepted, .badge.rejected, .badge.excluded { border-color: currentColor; }
.notice { color: var(--look); } .notice::before { content: "Look again: "; font-weight: 700; }
.pictures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0.5rem; margin-bottom: 0.7rem; }
@media (max-width: 800px) { .pictures { grid-template-columns: repeat(2, 1fr); } }
.numbers { flex: 1 1 24rem; font-size: 0.87rem; } .numbers b { font-weight: 600; display: block; padding: 0.2rem 0; }
.numbers dl { columns: 2 15rem; margin: 0; } .numbers div { break-inside: avoid; padding: 0.1rem 0; }
.numbers dt { display: inline; color: var(--quiet); margin-right: 0.6rem; }
.numbers dd { display: inline; margin: 0; overflow-wrap: anywhere; }
figure { margin: 0; } figure img { display: block; width: 100%; height: auto; background: #000; }
figcaption { color: var(--quiet); font-size: 0.8rem; }
.empty { border: 1px dashed var(--line); color: var(--quiet); padding: 1.5rem; }
@media print { .bar { position: static; } .pair { break-inside: avoid; } }
"""


def style_of(filters: Mapping[str, str]) -> str:
    """The style sheet of a page.

    Args:
        filters: By the ``id`` of its radio button the class of pairs that stay in sight; an empty one: all.
    """
    rules = []
    for button, kept in filters.items():
        if kept:
            rules.append(f"#{button}:checked ~ main .pair:not(.{kept}) {{ display: none; }}")
        rules.append(
            f"#{button}:checked ~ .bar label[for={button}] "
            "{ background: var(--text); color: var(--plate); border-color: var(--text); }"
        )
        rules.append(f"#{button}:focus-visible ~ .bar label[for={button}] {{ outline: 2px solid var(--mark); }}")
    return BASE + "\n".join(rules) + "\n"
