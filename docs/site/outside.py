"""Give what stands outside of docs/ a place on the site: texts at the top of the project, and files to be copied."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
TEXTS = ('README.md', 'CHANGELOG.md', 'CONTRIBUTING.md')
FOLDERS = ('examples', 'deploy')
#: What running the examples leaves behind.
LEFTOVERS = {'__pycache__', 'node_modules', '.pytest_cache'}

LINK = re.compile(r'(?<=\]\()(?![a-z]+:)(?P<target>[^)#\s]+)')
LANGUAGES = {'.py': 'python', '.js': 'javascript', '.sh': 'bash', '.Dockerfile': 'docker'}
#: The search is to find pages, and not each line of an example.
UNSEARCHED = '---\nsearch: {exclude: true}\n---\n\n'


def read_outside() -> Iterator[tuple[Path, str, str]]:
    """Yield each file in the project with the path and the text of its page. README.md stands for its folder."""
    for name in TEXTS:
        yield Path(name), find_page(Path(name)), (ROOT / name).read_text()
    folders = [ROOT / name for name in FOLDERS]
    for folder in folders:
        inside = sorted(one for one in folder.iterdir() if one.name not in LEFTOVERS)
        folders += [one for one in inside if one.is_dir()]
        page = find_page(folder.relative_to(ROOT))
        yield Path(page), page, list_folder(folder, inside)
        for file in inside:
            if file.is_file() and file.name != 'README.md':
                yield file.relative_to(ROOT), find_page(file.relative_to(ROOT)), show_file(file)


def find_page(source: Path) -> str:
    """Return where on the site the page of a file or folder is."""
    if source.parts[0] == 'docs':
        return source.relative_to('docs').as_posix()
    if (ROOT / source).is_dir():
        return (source / 'README.md').as_posix()
    if source.suffix == '.md':
        return source.as_posix() if len(source.parts) > 1 else source.name.lower()
    return f'{source.as_posix()}.md'


def list_folder(folder: Path, inside: list[Path]) -> str:
    """Return the page of a folder: its README.md, if it has one, and links to what is in it."""
    readme = folder / 'README.md'
    text = readme.read_text() if readme in inside else f'# {folder.relative_to(ROOT).as_posix()}\n'
    names = [f'{one.name}/' if one.is_dir() else one.name for one in inside if one != readme]
    links = [f'- [{name}]({name})' for name in names]
    return '\n'.join([UNSEARCHED + text, '## Files', '', *links, ''])


def show_file(file: Path) -> str:
    """Return the page of a file: its text as it is, or as code."""
    text = file.read_text()
    if file.suffix == '.md':
        return UNSEARCHED + text
    language = LANGUAGES.get(file.suffix, file.suffix[1:])
    return f'{UNSEARCHED}# {file.name}\n\n~~~~~~ {{.{language}}}\n{text}~~~~~~\n'


def move_links(markdown: str, path: str, source: Path) -> str:
    """Have the links of the page at *path* lead to pages of the site, rather than from *source* to other files."""

    def move(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / match['target']))
        if not (ROOT / target).exists() or target.parts[0] not in ('docs', *FOLDERS, *TEXTS):
            return match[0]
        return os.path.relpath(find_page(target), PurePosixPath(path).parent)

    return LINK.sub(move, markdown)
