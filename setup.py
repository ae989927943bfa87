"""Compile what can be compiled, and describe the package as a page without the others can be read.

Everything else is declared in `setup.cfg`. Without a compiler, or with ``VAURIEN_PURE=1``, all is pure Python.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from setuptools import Extension, setup

is_supported = sys.platform == 'linux' and sys.implementation.name == 'cpython'
is_pure = os.environ.get('VAURIEN_PURE', '0') != '0'

framing = Extension(
    'vaurien.native._framing',
    ['vaurien/native/_framing.pyx'],
    depends=['vaurien/native/_framing.pxd', *map(str, Path('vaurien/native/framing').glob('*.pxd'))],
    extra_compile_args=['-g0'],
    optional=True,
)

pump = Extension(
    'vaurien.native._pump',
    ['vaurien/native/_pump.pyx'],
    depends=framing.depends,
    extra_compile_args=['-g0'],
    optional=True,
)

#: An image, or a link, to a file of the project or to a part of the page.
IMAGE = re.compile(r'!\[[^]]*\]\((?!https?:)[^)]*\)\n*')
LINK = re.compile(r'\[([^]]*)\]\((?!https?:)[^)]*\)')


def describe() -> str:
    """Return the README without what leads nowhere on the page of an index: pictures, and links to other files."""
    return LINK.sub(r'\1', IMAGE.sub('', Path(__file__).with_name('README.md').read_text('utf-8')))


setup(
    long_description=describe(),
    ext_modules=[framing, pump] if is_supported and not is_pure else [],
    # What `make man` has written, if it has.
    data_files=[('share/man/man1', sorted(map(str, Path('man').glob('*.1'))))],
)
