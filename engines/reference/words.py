"""The vocabulary, and tokens into words with times and confidence: the same rules as the program's `src/decode`."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

from errors import InputError

from decode import Decision

WORD_MARK = "\u2581"
BLANK = "<blk>"
SPECIALS = {"<unk>", "<pad>", "<s>", "</s>", BLANK}
BYTE = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")
# Apostrophes and hyphens belong to words.
IN_WORDS = set("'\u2019-\u2010\u2011")


def read_pieces(path: Path, size: int) -> list[str]:
    """Pieces by token id, blank last, from `piece id` lines or a bare piece a line; `size` counts without blank."""
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    split = [line.rpartition(" ") for line in lines]
    if all(id_ == str(number) for number, (_, _, id_) in enumerate(split)):
        # A line that holds an id alone stands for a space.
        lines = [piece if space else " " for piece, space, _ in split]
    if len(lines) == size:
        lines.append(BLANK)
    if len(lines) != size + 1:
        raise InputError(f"{path}: expected {size} pieces (and {BLANK} if it is listed), found {len(lines)} lines")
    if lines[size] != BLANK:
        raise InputError(f"{path}: line {size + 1}: expected {BLANK}, found {lines[size]!r}")
    return lines


def is_punctuation(character: str) -> bool:
    """Of a Unicode category P*."""
    return unicodedata.category(character).startswith("P")


def opens(character: str) -> bool:
    """A space belongs before it; the straight double quote may open or close and keeps its space."""
    return character == '"' or unicodedata.category(character) in ("Ps", "Pi")


class Vocabulary:
    """Pieces by token id, and how they become text."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.blank = len(pieces) - 1
        inner = (p for p in pieces if not p.startswith(WORD_MARK) and not self._is_special(p) and not BYTE.match(p))
        self.closing = {c for piece in inner for c in piece if is_punctuation(c) and not opens(c)}

    @staticmethod
    def _is_special(piece: str) -> bool:
        return piece in SPECIALS or (piece.startswith("<|") and piece.endswith("|>"))

    def is_silent(self, token: int) -> bool:
        """Writes nothing."""
        return token >= self.blank or self._is_special(self.pieces[token])

    def opens_word(self, token: int) -> bool:
        """A word begins here. Punctuation that takes no space before it belongs to the word before."""
        piece = self.pieces[token]
        return piece.startswith(WORD_MARK) and not self.is_silent(token) and piece[1:2] not in self.closing

    def is_punctuation(self, token: int) -> bool:
        """Punctuation alone, apostrophe and hyphen excepted."""
        rest = self.pieces[token].lstrip(WORD_MARK)
        return bool(rest) and all(is_punctuation(c) and c not in IN_WORDS for c in rest)

    def text(self, tokens: list[int]) -> str:
        """Word marks become spaces; the first one is dropped, and so is a space before closing punctuation."""
        raw = b""
        for token in tokens:
            if not self.is_silent(token):
                piece = self.pieces[token]
                byte = BYTE.match(piece)
                raw += bytes([int(byte[1], 16)]) if byte else piece.replace(WORD_MARK, " ").encode()
        text = ""
        for character in raw.decode(errors="replace").removeprefix(" "):
            if character in self.closing:
                text = text.removesuffix(" ")
            text += character
        return text


def words(decisions: list[Decision], vocabulary: Vocabulary, limit: int) -> list[dict[str, Any]]:
    """The words of one utterance, as a trace holds them; they end at encoder frame `limit` at the latest."""
    groups: list[list[Decision]] = []
    for decision in decisions:
        if vocabulary.is_silent(decision.token):
            continue
        if groups and not vocabulary.opens_word(decision.token):
            groups[-1].append(decision)
        else:
            groups.append([decision])
    return [word(group, vocabulary, limit) for group in groups]


def word(group: list[Decision], vocabulary: Vocabulary, limit: int) -> dict[str, Any]:
    """One word of the decisions behind it."""
    start = group[0].frame
    # Punctuation has no length of its own: it ends where the token before it ends (NeMo's `_refine_timestamps_tdt`).
    spoken = [d for d in group if not vocabulary.is_punctuation(d.token)]
    end = spoken[-1].frame + spoken[-1].duration if spoken else group[-1].frame
    return {
        "text": vocabulary.text([d.token for d in group]),
        "glued": False,
        "start": min(start, limit),
        "end": min(max(end, start), limit),
        "confidence": min(1.0, *(d.token_probability for d in group)),
        "tokens": [
            {
                "token": d.token,
                "piece": vocabulary.pieces[d.token],
                "step": d.step,
                "frame": d.frame,
                "duration": d.duration,
                "token_probability": d.token_probability,
                "duration_probability": d.duration_probability,
                "token_margin": d.token_margin,
                "duration_margin": d.duration_margin,
            }
            for d in group
        ],
    }
