"""Words of a text for counting errors, and the word error rate."""

from __future__ import annotations

import re

# Titles are spoken and written in two ways; transcripts of LibriSpeech spell them out.
TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}


def words(text: str) -> list[str]:
    """Lower case; letters, digits and apostrophes only; titles spelled out."""
    plain = re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("\u2019", "'"))
    return [TITLES.get(word, word) for word in plain.split()]


def edits(reference: list[str], found: list[str]) -> tuple[int, int, int]:
    """The fewest substitutions, deletions and insertions that turn `reference` into `found`."""
    # A row of (errors, substitutions, deletions, insertions) for each prefix of `found`.
    row = [(j, 0, 0, j) for j in range(len(found) + 1)]
    for i, word in enumerate(reference, 1):
        above, row = row, [(i, 0, i, 0)]
        for j, other in enumerate(found, 1):
            miss = int(word != other)
            diagonal, up, left = above[j - 1], above[j], row[-1]
            row.append(
                min(
                    (diagonal[0] + miss, diagonal[1] + miss, diagonal[2], diagonal[3]),
                    (up[0] + 1, up[1], up[2] + 1, up[3]),
                    (left[0] + 1, left[1], left[2], left[3] + 1),
                )
            )
    return row[-1][1:]


class ErrorRate:
    """Adds up word errors over texts."""

    def __init__(self) -> None:
        self.substitutions = self.deletions = self.insertions = self.words = 0

    def add(self, reference: str, found: str) -> None:
        """Counts one text."""
        expected = words(reference)
        changed = edits(expected, words(found))
        self.substitutions += changed[0]
        self.deletions += changed[1]
        self.insertions += changed[2]
        self.words += len(expected)

    @property
    def percent(self) -> float:
        """Errors for a hundred words of the references."""
        return 100.0 * (self.substitutions + self.deletions + self.insertions) / max(1, self.words)
