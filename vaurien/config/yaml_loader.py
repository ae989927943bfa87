"""YAML with a limit of values, however they are written: ten lines of aliases can stand for a billion of them."""

from __future__ import annotations

import yaml

#: The most values of a document, where an alias counts as what it stands for.
MAX_VALUES = 100_000
#: The most characters of what is not a text: a number in base 60 takes time that grows with their square.
MAX_NUMBER = 100

TEXT = 'tag:yaml.org,2002:str'


class Loader(yaml.SafeLoader):
    """Reads plain values only. Raises `yaml.MarkedYAMLError` for too many of them, or too long ones."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = 0
        #: How many values each node stands for that has an end.
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; an alias is the node that it stands for."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        is_alias = self.check_event(yaml.AliasEvent)
        before = self._count
        self._count += not is_alias
        node = super().compose_node(parent, index)
        if is_alias:
            if id(node) not in self._sizes:
                raise yaml.MarkedYAMLError(problem='an alias within what it stands for', problem_mark=mark)
            self._count += self._sizes[id(node)]
        else:
            self._sizes[id(node)] = self._count - before
        if self._count > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem=f'more than {MAX_VALUES} values', problem_mark=mark)
        if isinstance(node, yaml.ScalarNode) and node.tag != TEXT and len(node.value) > MAX_NUMBER:
            raise yaml.MarkedYAMLError(problem=f'a number of more than {MAX_NUMBER} characters', problem_mark=mark)
        return node
