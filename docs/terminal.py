"""Write the moving picture of two terminals in the README from a run: a person has to start this one.

python -m docs.terminal

It needs redis-server and redis-cli.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import NamedTuple

from tests.commands import SCRIPTS, Command
from tests.servers import redis

PICTURE = Path(__file__).parent / 'images' / 'terminal.svg'
SUMMARY = (
    'Above, Vaurien runs before a Redis. Below, a client reads from it. An error is armed, and the client gets it; '
    'then a delay, and the reply comes two seconds later. Above, each fault is a line.'
)
PROXY = 'vaurien --backend localhost:6379 --protocol redis --http'
CLIENT = (
    'redis-cli -p 8000 set user:1 Ada',
    'redis-cli -p 8000 get user:1',
    'vaurienctl set-behavior error --match "GET *" --message LOADING',
    'redis-cli -p 8000 get user:1',
    'vaurienctl set-behavior delay --match "GET *" --sleep 2',
    'redis-cli -p 8000 get user:1',
)
#: Seconds before a command is entered, before what follows it is to be read, and at the end.
PAUSE, READING, END = 1.2, 0.6, 4.0

WIDTH, MARGIN, ROW, BAR = 760, 14, 19, 28
STYLE = """\
  text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #e6edf3; white-space: pre }
  rect { fill: #0d1117 }
  .bar { fill: #21262d }
  .name { fill: #9da7b3; font-family: system-ui, sans-serif }
  .entered { fill: #7ee787 }
  .fault { fill: #ff7b72 }
"""


class Line(NamedTuple):
    """A line on one of the terminals."""

    seconds: float
    terminal: int
    text: str


def record() -> list[Line]:
    """Run the commands, and return the lines as they appeared. Addresses are those on paper."""
    with TemporaryDirectory() as directory, redis(Path(directory)) as server:
        began = perf_counter()
        lines = [Line(0, 0, f'$ {PROXY}')]
        flags = shlex.split(PROXY.replace('localhost:6379', server.address))[1:]
        vaurien = Command(*flags)
        ports = {server.address: 'localhost:6379', str(vaurien.port): '8000', str(vaurien.control_port): '8080'}
        pattern = re.compile('|'.join(map(re.escape, ports)))

        def show(terminal: int, texts: Sequence[str]) -> None:
            now = perf_counter() - began
            lines.extend(Line(now, terminal, pattern.sub(lambda found: ports[found[0]], text)) for text in texts)

        try:
            show(0, vaurien.out_lines)
            seen = 0
            for entered in CLIENT:
                sleep(PAUSE)
                show(1, [f'$ {entered}'])
                sleep(READING)
                client = start(entered, vaurien)
                while client.poll() is None:
                    sleep(0.01)
                    show(0, vaurien.log_lines[seen:])
                    seen = len(vaurien.log_lines)
                show(1, client.communicate()[0].splitlines())
        finally:
            vaurien.kill()
        return lines


def start(entered: str, vaurien: Command) -> subprocess.Popen[str]:
    """Start what was entered. It prints what it would on a terminal."""
    name, *words = shlex.split(entered.replace('-p 8000', f'-p {vaurien.port} --no-raw'))
    return subprocess.Popen(
        [name if name == 'redis-cli' else str(SCRIPTS / name), *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'VAURIEN_URL': vaurien.api, 'no_proxy': '*'},
    )


def draw(lines: Sequence[Line]) -> str:
    """Return the SVG document. Whoever wants no motion sees the end at once."""
    length = lines[-1].seconds + END
    rows = [sum(line.terminal == terminal for line in lines) for terminal in (0, 1)]
    tops = [0, BAR + ROW * rows[0] + 2 * MARGIN]
    height = tops[1] + BAR + ROW * rows[1] + MARGIN
    steps = sorted({line.seconds for line in lines if line.seconds > 0})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title desc">',
        '<title id="title">Vaurien in a terminal</title>',
        f'<desc id="desc">{escape(SUMMARY)}</desc>',
        f'<style>\n{STYLE}{"".join(animate(steps, length))}</style>',
        f'<rect width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for terminal, name in enumerate(('vaurien', 'the client')):
        parts += [
            f'<rect class="bar" y="{tops[terminal]}" width="{WIDTH}" height="{BAR}"/>',
            f'<text class="name" x="{MARGIN}" y="{tops[terminal] + 19}">{name}</text>',
        ]
        own = [line for line in lines if line.terminal == terminal]
        for i, line in enumerate(own):
            y = tops[terminal] + BAR + ROW * (i + 1)
            kinds = ['entered'] if line.text.startswith('$ ') else []
            kinds += ['fault'] if re.search(r'INFO link|\(error\)', line.text) else []
            kinds += [f's{steps.index(line.seconds)}'] if line.seconds else []
            parts.append(f'<text class="{" ".join(kinds)}" x="{MARGIN}" y="{y}">{escape(line.text)}</text>')
    return '\n'.join([*parts, '</svg>', ''])


def animate(steps: Sequence[float], length: float) -> Iterator[str]:
    """Yield the rules that make each line appear at its time, again and again."""
    yield '  @media (prefers-reduced-motion: no-preference) {\n'
    for i, seconds in enumerate(steps):
        share = 100 * seconds / length
        yield f'    .s{i} {{ animation: s{i} {length:.1f}s step-end infinite }}\n'
        yield f'    @keyframes s{i} {{ 0% {{ opacity: 0 }} {share:.2f}%, 100% {{ opacity: 1 }} }}\n'
    yield '  }\n'


if __name__ == '__main__':
    PICTURE.write_text(draw(record()))
