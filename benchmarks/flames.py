"""Draw where a proxy spends the time of a request: ``python -m benchmarks.flames``.

A flame graph for each contender, in ``docs/images/flames.svg``. A box is a function, and below it are those that it
calls. A box is as wide as the time of each request that it takes, on the same scale for all contenders. The `perf` of
Linux takes the samples (perf-record(1)). It knows who calls what in the kernel, but not in the program's own code.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from benchmarks import contenders as c
from benchmarks.loads import redis_benchmark
from benchmarks.measure import cpu_seconds
from benchmarks.process import BenchError
from tests import servers
from tests.servers import Server, command_path

PICTURE = Path(__file__).parents[1] / 'docs' / 'images' / 'flames.svg'
CONTENDERS = (c.BARE_LOOP_TCP, c.HAPROXY_TCP, c.VAURIEN_TCP, c.VAURIEN_REDIS_ARMED)
#: Samples a second: a prime number, so that nothing keeps step with it.
FREQUENCY = 1999
#: Requests a second, about: it turns the time of the measurement into a number of requests.
NOMINAL_RATE = 40_000

#: Pixels: of the picture, of a microsecond at most, of a row, and of a letter.
WIDTH, MICROSECOND, ROW, LETTER = 1160, 60, 15, 6.2
#: So many rows are drawn at most, and no box that is narrower: the latter in microseconds.
DEPTH, NARROWEST = 18, 0.05

STYLE = """\
  text { font-family: ui-monospace, monospace; font-size: 10px; fill: #1f2328 }
  .name { font-family: system-ui, sans-serif; font-size: 13px; font-weight: 600 }
  .paper { fill: #ffffff }
  rect { stroke: #ffffff; stroke-width: 0.5 }
  .kernel { fill: #b6d3f2 }
  .program { fill: #f6c28b }
  .python { fill: #a5d6a7 }
"""

_FRAME = re.compile(r'\s+[0-9a-f]+ (?P<symbol>.+?)(?:\+0x[0-9a-f]+)? \((?P<place>.*)\)$')
#: How the kernel is entered, which says nothing.
_ENTRY = re.compile(r'entry_SYSCALL|do_syscall_64|x64_sys_call|asm_|ret_from|\[unknown\]')

Stack = tuple[str, ...]


class Profile(NamedTuple):
    """Where the time of a contender went: microseconds of a request by stack, the caller first."""

    name: str
    stacks: Counter[Stack]

    @property
    def whole(self) -> float:
        """The microseconds of a request."""
        return sum(self.stacks.values())


@contextmanager
def recording(pid: int, path: str) -> Iterator[None]:
    """Have `perf` look at a process during the block."""
    words = ['record', '-e', 'cpu-clock', '-F', str(FREQUENCY), '-g', '-p', str(pid), '-o', path]
    with subprocess.Popen([command_path('perf'), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as perf:
        try:
            yield
        finally:
            perf.terminate()


def measure(contender: c.Contender, backend: Server, seconds: float) -> Profile:
    """Return where a contender spends its time under load; raise `BenchError`."""
    with tempfile.NamedTemporaryFile() as file, contender.start(backend) as endpoint:
        assert endpoint.pid is not None
        load = {'clients': 50, 'pipeline': 1, 'nominal_rate': NOMINAL_RATE}
        redis_benchmark(contender, endpoint, 0.2, **load)
        with recording(endpoint.pid, file.name):
            before = cpu_seconds(endpoint.pid)
            requests = redis_benchmark(contender, endpoint, seconds, **load).work
            spent = cpu_seconds(endpoint.pid) - before
        words = [command_path('perf'), 'script', '-i', file.name, '-F', 'comm,ip,sym,dso']
        said = subprocess.run(words, capture_output=True, text=True).stdout.strip()
    if not said:
        raise BenchError('perf has recorded nothing: may it? (sysctl kernel.perf_event_paranoid)')
    samples = Counter(map(read_stack, said.split('\n\n')))
    scale = spent / requests * 1e6 / samples.total()
    return Profile(contender.name, Counter({stack: count * scale for stack, count in samples.items()}))


def read_stack(sample: str) -> Stack:
    """Return the functions of a sample that `perf script` has printed, the caller first.

    Of the program's own code there is only the function that runs, below the name of the library that it is in.
    """
    frames = [match for line in sample.splitlines() if (match := _FRAME.match(line))]
    inside = [match['symbol'] for match in frames if match['place'] == '[kernel.kallsyms]']
    if inside:
        names = [name.removeprefix('__x64_sys_').removeprefix('__sys_') for name in reversed(inside)]
        return ('kernel', *(name for name, _ in groupby(names) if not _ENTRY.match(name)))
    place = Path(frames[0]['place']).name.partition('.')[0] if frames else 'unknown'
    kind = 'Python' if place.startswith(('libpython', 'python')) else place
    return (kind, frames[0]['symbol'] if frames else 'unknown')


def draw(profiles: Sequence[Profile]) -> str:
    """Return the SVG document."""
    scale = min(MICROSECOND, (WIDTH - 20) / max(profile.whole for profile in profiles))
    parts: list[str] = []
    top = 0
    for profile in profiles:
        boxes = list(_list_boxes(profile.stacks, 0, 0.0))
        height = ROW * (1 + max(depth for depth, *_ in boxes))
        parts.append(f'<text class="name" x="10" y="{top + 20}">{profile.name}: {profile.whole:.1f} µs</text>')
        for depth, begin, length, stack in boxes:
            kind = {'kernel': 'kernel', 'Python': 'python'}.get(stack[0], 'program')
            x, y, width = 10 + begin * scale, top + 28 + ROW * depth, length * scale
            text = stack[-1][: max(0, int((width - 4) / LETTER))]
            parts.append(
                f'<g><title>{escape(stack[-1])}: {length:.2f} µs</title>'
                f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}"/>'
                f'<text x="{x + 2:.1f}" y="{y + 11}">{escape(text if len(text) > 2 else "")}</text></g>'
            )
        top += 28 + height + 12
    summary = '; '.join(f'{profile.name} {profile.whole:.1f} µs' for profile in profiles)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'role="img">'
        f'<title>Where the time of a request goes</title><desc>{escape(summary)}</desc>\n<style>\n{STYLE}</style>\n'
        f'<rect class="paper" width="{WIDTH}" height="{top}"/>\n' + '\n'.join(parts) + '\n</svg>\n'
    )


def _list_boxes(stacks: Counter[Stack], depth: int, begin: float) -> Iterator[tuple[int, float, float, Stack]]:
    """Yield the boxes of what is called at a *depth*: the depth, where it begins, its length, and its stack."""
    called: dict[Stack, Counter[Stack]] = {}
    for stack, length in stacks.items():
        if len(stack) > depth:
            called.setdefault(stack[: depth + 1], Counter())[stack] = length
    for stack, own in sorted(called.items(), key=lambda item: -sum(item[1].values())):
        length = sum(own.values())
        if length >= NARROWEST and depth < DEPTH:
            yield depth, begin, length, stack
            yield from _list_boxes(own, depth + 1, begin)
        begin += length


def main() -> int:
    """Measure, write the picture, and return the exit status."""
    parser = argparse.ArgumentParser('python -m benchmarks.flames', description='Draw flame graphs of the proxies.')
    parser.add_argument('--seconds', type=float, default=5.0, help='about how long each is under load (5)')
    seconds = parser.parse_args().seconds
    try:
        with tempfile.TemporaryDirectory(prefix='vaurien-flames-') as folder, servers.redis(Path(folder)) as backend:
            profiles = []
            for contender in CONTENDERS:
                profiles.append(measure(contender, backend, seconds))
                print(f'{contender.name}: {profiles[-1].whole:.1f} µs per request', flush=True)
    except (BenchError, OSError) as error:
        print(f'benchmarks: {error}', file=sys.stderr)
        return 1
    PICTURE.write_text(draw(profiles))
    return 0


if __name__ == '__main__':
    sys.exit(main())
