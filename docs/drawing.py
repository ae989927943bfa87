"""Draw a sequence of messages as SVG: nothing but shapes and text, the same each time, readable on light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from docs.sequences import Message, Party, Picture, Wait

WIDTH = 520
#: Where the line of each party is, and how high a row is.
LINES = {Party.CLIENT: 70, Party.VAURIEN: 260, Party.BACKEND: 450}
ROW = 32
#: The boxes with the names, and where the first row begins.
BOX = 26
TOP = 8 + BOX + 4
#: Half the width of a bar.
BAR = 4

#: The background is painted, as a page may be darker or lighter than the reader's system.
STYLE = """\
  text { font-family: system-ui, sans-serif; font-size: 13px; text-anchor: middle; fill: #1f2328 }
  line, path { stroke: #1f2328; stroke-width: 1.5; fill: none }
  .paper { fill: #ffffff }
  .life { stroke: #8c959f; stroke-width: 1 }
  .box, .bar { fill: #eaeef2; stroke: #8c959f }
  .beside { text-anchor: start }
  .lost { stroke-dasharray: 5 4 }
  .cross, .fault line, .fault path { stroke: #cf222e }
  .fault text { fill: #cf222e }
  .fault .bar { fill: #ffd7d5; stroke: #cf222e }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    line, path { stroke: #e6edf3 }
    .paper { fill: #0d1117 }
    .life { stroke: #768390 }
    .box, .bar { fill: #21262d; stroke: #768390 }
    .cross, .fault line, .fault path { stroke: #ff7b72 }
    .fault text { fill: #ff7b72 }
    .fault .bar { fill: #67060c; stroke: #ff7b72 }
  }
"""


def draw(title: str, picture: Picture) -> str:
    """Return the SVG document."""
    bottom = TOP + ROW * len(picture.rows) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 8}" '
        f'viewBox="0 0 {WIDTH} {bottom + 8}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(picture.summary)}</desc>',
        f'<style>\n{STYLE}</style>',
        f'<rect class="paper" width="{WIDTH}" height="{bottom + 8}" rx="6"/>',
    ]
    for party, x in LINES.items():
        parts += [
            f'<line class="life" x1="{x}" y1="{8 + BOX}" x2="{x}" y2="{bottom}"/>',
            f'<rect class="box" x="{x - 45}" y="8" width="90" height="{BOX}" rx="4"/>',
            f'<text x="{x}" y="26">{"Vaurien" if party is Party.VAURIEN else party.name.lower()}</text>',
        ]
    for i, row in enumerate(picture.rows):
        for event in row:
            shapes = draw_wait(event, TOP + ROW * i) if isinstance(event, Wait) else draw_message(event, TOP + ROW * i)
            parts += [f'<g class="{"fault" if event.is_fault else "usual"}">', *shapes, '</g>']
    return '\n'.join([*parts, '</svg>', ''])


def draw_wait(wait: Wait, y: int) -> Iterator[str]:
    """Yield a bar from *y* on, with its text beside it."""
    x = LINES[wait.who]
    height = ROW * (1 + wait.rows_below) - 6
    yield f'<rect class="bar" x="{x - BAR}" y="{y + 5}" width="{2 * BAR}" height="{height}"/>'
    yield f'<text class="beside" x="{x + BAR + 6}" y="{y + 22}">{escape(wait.text)}</text>'


def draw_message(message: Message, y: int) -> Iterator[str]:
    """Yield an arrow for each part of the way, all with the same text. What is lost ends in a cross."""
    step = 1 if message.target > message.source else -1
    y += 24
    for start in range(message.source, message.target, step):
        begin, end = LINES[Party(start)] + BAR * step, LINES[Party(start + step)] - BAR * step
        is_lost = message.is_lost and start + step == message.target
        if is_lost:
            end = begin + (end - begin) * 3 // 4
        kind, head = ('lost', draw_cross(end, y)) if is_lost else ('whole', draw_head(end, y, step))
        yield f'<text x="{(begin + end) // 2}" y="{y - 6}">{escape(message.text)}</text>'
        yield f'<line class="{kind}" x1="{begin}" y1="{y}" x2="{end}" y2="{y}"/>'
        yield head


def draw_head(x: int, y: int, step: int) -> str:
    """Return the head of an arrow that points to the right if *step* is 1, and to the left if it is -1."""
    return f'<path d="M{x - 8 * step},{y - 4} L{x},{y} L{x - 8 * step},{y + 4}"/>'


def draw_cross(x: int, y: int) -> str:
    """Return a cross."""
    return f'<path class="cross" d="M{x - 5},{y - 5} L{x + 5},{y + 5} M{x - 5},{y + 5} L{x + 5},{y - 5}"/>'
