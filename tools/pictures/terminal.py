"""A terminal, from nothing to an answer with its sources, as one animated SVG.

    python -m tools.pictures.terminal [FILE]

runs the commands in a folder of their own and draws what they print, with nothing fetched from
elsewhere: the fonts are the reader's. Lines appear as they would; a reader who wants less motion
gets the whole at once.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COMMANDS = (
    "agent-knowledge init",
    "agent-knowledge index",
    'agent-knowledge ask "How long is the return window?"',
    'agent-knowledge route "I was charged twice for one candle."',
)
COLUMNS = 92
_TYPED_S, _PRINTED_S, _READ_S = 0.9, 0.08, 1.6
"""Seconds: until a command is typed, between two lines of its output, and after its last line."""
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-label="agent-knowledge in a terminal: init, index, ask and route">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
@keyframes appear {{ from {{ opacity: 0 }} to {{ opacity: 1 }} }}
@media (prefers-reduced-motion: no-preference) {{
  .line {{ animation: appear 0.01s both }}
}}
</style>
<defs>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_ID = "terminal"
_LINE = re.compile(rf'<text class="(?P<kind>{_ID}-r\d+)"(?P<rest>[^>]*#{_ID}-line-(?P<line>\d+)\))')


def said_by(command: str, folder: Path) -> str:
    """What a command prints on a terminal, colours and all."""
    run = subprocess.run(
        [sys.executable, "-m", "agent_knowledge", *shlex.split(command)[1:]],
        cwd=folder,
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.rstrip("\n")


def recording(session: Sequence[tuple[str, str]]) -> str:
    """Draw commands and what each printed as one SVG whose lines appear in turn."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    pauses: list[float] = []
    for command, said in session:
        console.print(Text(f"$ {command}", style="bold"), soft_wrap=True)
        lines = Text.from_ansi(said).wrap(console, COLUMNS)
        console.print(*lines, "", sep="\n", soft_wrap=True)
        pauses += [_TYPED_S, *[_PRINTED_S] * len(lines), _READ_S]
    svg = console.export_svg(
        title="agent-knowledge", theme=MONOKAI, code_format=_FORMAT, unique_id=_ID
    )
    return _appearing(svg, list(accumulate(pauses, initial=0.3)))


def _appearing(svg: str, starts: Sequence[float]) -> str:
    def delayed(found: re.Match[str]) -> str:
        start = starts[min(int(found["line"]), len(starts) - 1)]
        style = f'style="animation-delay:{start:.2f}s"'
        return f'<text class="line {found["kind"]}" {style}{found["rest"]}'

    return _LINE.sub(delayed, svg)


def _session(folder: Path) -> Iterator[tuple[str, str]]:
    for command in COMMANDS:
        yield command, said_by(command, folder)


def main(file: str = "docs/pictures/terminal.svg") -> None:
    """Run the commands and write the picture."""
    with TemporaryDirectory() as folder:
        Path(file).write_text(recording(list(_session(Path(folder)))), encoding="utf-8")
    print(file)


if __name__ == "__main__":
    main(*sys.argv[1:2])
