"""vocab.txt out of a SentencePiece model."""

from __future__ import annotations

import shutil
from pathlib import Path

import sentencepiece
from errors import InputError

BLANK = "<blk>"


def write_vocabulary(tokenizer: Path, pieces: int, folder: Path) -> None:
    """vocab.txt, one piece and its number a line, blank last; and the tokenizer itself."""
    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    except (OSError, RuntimeError) as error:
        raise InputError(f"{tokenizer}: expected a SentencePiece model, found: {error}") from None
    if processor.get_piece_size() != pieces:
        raise InputError(f"{tokenizer}: expected {pieces} pieces, found {processor.get_piece_size()}")
    lines = [f"{processor.id_to_piece(i)} {i}\n" for i in range(pieces)] + [f"{BLANK} {pieces}\n"]
    (folder / "vocab.txt").write_text("".join(lines), encoding="utf-8")
    shutil.copyfile(tokenizer, folder / "tokenizer.model")
