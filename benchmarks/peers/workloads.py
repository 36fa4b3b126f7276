"""Reads the files of benchmarks/workloads, and makes the token ids that all peers are given."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple

_MODULUS = 2**31
_FIRST_ID = 3  # those before are unk, bos and eos


class Workload(NamedTuple):
    """Sequences that are scored at once.

    A group is a prompt's length and those of its answers; the sequences of a group begin with the same ids, which come from
    the group's number.
    """

    name: str
    groups: List[List[int]]
    first: int = 0  # the first group's number

    def lengths(self) -> List[int]:
        """Tokens of each sequence: of its prompt and its answer."""
        return [group[0] + answer for group in self.groups for answer in group[1:]]

    def tokens(self) -> int:
        return sum(self.lengths())

    def at_most(self, tokens: int) -> Workload:
        """The first groups, as many as have no more tokens together; one at least."""
        count, sum_so_far = 0, 0
        for group in self.groups:
            sum_so_far += sum(group[0] + answer for answer in group[1:])
            if count > 0 and sum_so_far > tokens:
                break
            count += 1
        return self._replace(groups=self.groups[:count])

    def after(self, count: int) -> Workload:
        """Without the first groups; the others keep their numbers."""
        return self._replace(groups=self.groups[count:], first=self.first + count)

    def fitting(self, longest: int) -> Workload:
        """Without the groups that have a sequence of more tokens."""
        kept = [group for group in self.groups if group[0] + max(group[1:]) <= longest]
        return self._replace(groups=kept)

    def shortened(self, divisor: int) -> Workload:
        """With lengths divided, to try everything fast."""
        groups = [[-(-length // divisor) for length in group] for group in self.groups]
        return self._replace(groups=groups)

    def sequences(self, vocabulary: int) -> List[List[int]]:
        """Token ids of each sequence, the same for the same vocabulary."""
        found = []
        for g, group in enumerate(self.groups, self.first):
            prompt = _ids(g, 0, group[0], vocabulary)
            for a, answer in enumerate(group[1:]):
                found.append(prompt + _ids(g, a + 1, answer, vocabulary))
        return found


def read(folder: Path, name: str) -> Workload:
    """The workload of that name: lines of a prompt's and its answers' lengths; # begins a comment."""
    path = folder / f"{name}.txt"
    if not path.exists():
        there = ", ".join(sorted(each.stem for each in folder.glob("*.txt")))
        raise ValueError(f"{path} is not there; workloads are {there}")
    lines = [line.split("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines()]
    groups = [[int(word) for word in words] for words in lines if words]
    if not groups or any(len(group) < 2 or min(group[1:]) < 1 for group in groups):
        raise ValueError(f"{path}: a line needs a prompt's length and at least one answer's, which is 1 or more")
    return Workload(name, groups)


def _ids(group: int, member: int, length: int, vocabulary: int) -> List[int]:
    """A linear congruential generator, seeded by the place; its low bits repeat early and are left out."""
    state = (group * 1_000_003 + member * 8_191 + 1) % _MODULUS
    ids = []
    for _ in range(length):
        state = (state * 1_103_515_245 + 12_345) % _MODULUS
        ids.append(_FIRST_ID + (state >> 8) % (vocabulary - _FIRST_ID))
    return ids
