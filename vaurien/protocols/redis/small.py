"""What small messages of Redis are made of, to be looked up instead of computed."""

from __future__ import annotations

#: ``*2``: where, in the parts of a request between line ends, its length lines are.
ARGUMENTS = {b'*%d' % count: range(1, 2 * count, 2) for count in range(1, 65)}
#: ``$5``: 5.
SIZES = {b'$%d' % size: size for size in range(1025)}
#: The first line of an argument: how many bytes come after it, both line ends included.
SMALL_ARGUMENTS = {line: size + 4 for line, size in SIZES.items()}
#: Likewise of a reply.
SMALL_REPLIES = {b'$-1': 2, b'*-1': 2, b'+OK': 2} | SMALL_ARGUMENTS
#: First bytes of replies that are one line.
SIMPLE = b'+-:_#,('
