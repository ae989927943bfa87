"""Draw the pictures of the README and of the page on concepts: the idea, and what a link is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from docs.drawing import STYLE, draw, draw_head
from docs.sequences import BACKEND, CLIENT, REPLY, VAURIEN, Message, Picture, Wait

GET = Message(CLIENT, BACKEND, 'GET user:1')
SET = Message(CLIENT, VAURIEN, 'SET user:1')
ERROR = Message(VAURIEN, CLIENT, 'error: out of memory', is_fault=True)

IDEA = Picture(
    'One request passes, the next is answered with an error by Vaurien, and the reply to the third is late.',
    (
        [GET],
        [REPLY],
        [SET],
        [ERROR],
        [GET._replace(text='GET user:2')],
        [Message(BACKEND, VAURIEN, 'reply')],
        [Wait(VAURIEN, '2 seconds', is_fault=True)],
        [Message(VAURIEN, CLIENT, 'reply')],
    ),
)
ANATOMY = (
    'A link joins a connection of the client to one to the backend. Behaviors happen to the requests on it and their '
    'replies, toxics to the bytes of its two streams.'
)
WIDTH, HEIGHT = 750, 214
#: The boxes: name, left edge, top, width and height, and whether faults happen there.
BOXES = (
    ('client', 10, 64, 90, 100, False),
    ('behaviors', 310, 64, 130, 100, True),
    ('toxics', 200, 120, 80, 36, True),
    ('toxics', 470, 72, 80, 36, True),
    ('backend', 650, 64, 90, 100, False),
)
#: The streams: where each is, and the edges of the boxes that it goes through, in the direction of its bytes.
STREAMS = {
    'upstream': (90, ((100, 310), (440, 470), (550, 650))),
    'downstream': (138, ((650, 440), (310, 280), (200, 100))),
}


def make_pictures() -> Mapping[str, str]:
    """Return the SVG document of each picture, by the name of its file."""
    return {'idea': draw('The idea', IDEA), 'anatomy': draw_anatomy()}


def draw_anatomy() -> str:
    """Return the picture of a link."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title desc">',
        '<title id="title">A link</title>',
        f'<desc id="desc">{escape(ANATOMY)}</desc>',
        f'<style>\n{STYLE}</style>',
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        f'<rect class="box" x="185" y="22" width="380" height="{HEIGHT - 44}" rx="6"/>',
        '<text x="375" y="44">Vaurien</text>',
        *draw_streams(),
    ]
    for name, x, y, width, height, is_fault in BOXES:
        parts += [
            f'<g class="{"fault" if is_fault else "usual"}">',
            f'<rect class="bar" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>',
            f'<text x="{x + width // 2}" y="{y + height // 2 + 5}">{name}</text>',
            '</g>',
        ]
    parts.append('<text x="375" y="182">one request and its reply</text>')
    return '\n'.join([*parts, '</svg>', ''])


def draw_streams() -> Iterator[str]:
    """Yield the arrows of the two streams, from box to box, each with the name of its stream at both ends."""
    for name, (y, parts) in STREAMS.items():
        step = 1 if name == 'upstream' else -1
        for begin, end in parts:
            yield f'<line x1="{begin + 2 * step}" y1="{y}" x2="{end - 2 * step}" y2="{y}"/>'
            yield draw_head(end - 2 * step, y, step)
        for x in (143, 608):
            yield f'<text x="{x}" y="{y - 8}">{name}</text>'
