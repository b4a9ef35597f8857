"""Text <-> ids for byte-level BPE vocabularies: a checkpoint's tokenizer files in, `AxTokenizer` out.

Reads tokenizer.json, else vocab.json and merges.txt. `encode` has no control tokens in its vocabulary, so no
text can become one; only `encode_with_specials`, for trusted text, has them. Knows no chat format, no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adotx.checkpoint.files import read_json, read_json_if_present, read_text
from adotx.errors import AdotxError, Sentence

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_COPY = "copy the tokenizer files from the original checkpoint"


@cache
def byte_to_char() -> dict[int, str]:
    """The printable character that stands for each byte in byte-level BPE files (source: GPT-2's encoder)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in printable}
    others = [byte for byte in range(256) if byte not in table]
    return dict(sorted((table | {byte: chr(256 + i) for i, byte in enumerate(others)}).items()))


@cache
def _char_to_byte() -> dict[str, int]:
    return {char: byte for byte, char in byte_to_char().items()}


@dataclass(frozen=True)
class AddedToken:
    """A token outside the merges.

    Attributes:
        special: whether decode(skip_special=True) drops it; tool tags are added tokens but not special.
    """

    id: int
    content: str
    special: bool = True


def _broken(where: str, what: str, /, **values: Any) -> AdotxError:
    return AdotxError("tokenizer.broken", "{detail}", where, _COPY, detail=Sentence(what, **values))


#: characters that are encoded within a few milliseconds
_LONG = 10_000


class AxTokenizer:
    """A byte-level BPE tokenizer whose control tokens cannot be reached from text.

    Args:
        model: the `model` object of a tokenizer.json: "vocab" {token: id} and "merges" [[left, right], ...].
        added: every control token; may or may not also stand in the vocabulary.
        normalizer, pre_tokenizer: as in tokenizer.json; the default is GPT-2's regular expression without a
            prefix space.
        where: the file to name in errors.

    Attributes:
        special: added token -> id, tool tags included.
        control_ids: the ids of the added tokens, which `encode` never gives.
        vocab_size: one more than the highest id.

    Raises:
        AdotxError: ``tokenizer.broken`` where the parts contradict one another or a byte has no token.
    """

    def __init__(
        self,
        model: dict[str, Any],
        added: Sequence[AddedToken],
        normalizer: dict[str, Any] | None = None,
        pre_tokenizer: dict[str, Any] | None = None,
        where: str = "tokenizer",
    ) -> None:
        self._where = where
        vocab, merges = model.get("vocab"), model.get("merges")
        if not isinstance(vocab, dict) or not isinstance(merges, list):
            raise _broken(where, "has no BPE vocabulary and merges")
        valid = all(type(i) is int and i >= 0 for i in vocab.values())
        if not valid or len(set(vocab.values())) != len(vocab):
            raise _broken(where, "two tokens share an id, or an id is not a whole number")
        if not all(type(t.id) is int and t.id >= 0 and isinstance(t.content, str) for t in added):
            raise _broken(where, "a control token has no id or no text")
        self._added = {token.id: token for token in sorted(added, key=lambda t: t.id)}
        self.special: dict[str, int] = {token.content: token.id for token in self._added.values()}
        self.control_ids: frozenset[int] = frozenset(self._added)
        self._skipped = frozenset(token.id for token in self._added.values() if token.special)
        if len(self.special) != len(added) or "" in self.special:
            raise _broken(where, "two control tokens share an id or a text")
        names = {i: token for token, i in vocab.items()}
        for token in self._added.values():
            known = token.id in names or token.content in vocab
            if known and vocab.get(token.content) != token.id:
                raise _broken(
                    where,
                    "{token!r} is declared as id {id}, in vocab that id is {other!r} and the token {found}",
                    token=token.content,
                    id=token.id,
                    other=names.get(token.id),
                    found=vocab.get(token.content),
                )
        plain = {token: i for token, i in vocab.items() if i not in self.control_ids}
        missing = [byte for byte, char in byte_to_char().items() if char not in plain]
        if missing:
            what = "{count} bytes have no token, the first is {first:#04x}"
            raise _broken(where, what, count=len(missing), first=missing[0])
        pairs = [tuple(m.split(" ")) if isinstance(m, str) else m for m in merges]
        for pair in pairs:
            pair_of_text = isinstance(pair, list | tuple) and len(pair) == 2 and set(map(type, pair)) == {str}
            if not pair_of_text or not all(part in plain for part in pair) or "".join(pair) not in vocab:
                what = "the merge {pair} does not lead from token to token"
                raise _broken(where, what, pair=str(pair)[:80])
        # A merge that builds a control token would let text reach it.
        self._merges = [tuple(pair) for pair in pairs if "".join(pair) in plain]
        self._names = {i: token for token, i in plain.items()}
        self._vocab = plain
        self._normalizer = normalizer
        self._pre_tokenizer = pre_tokenizer or {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        }
        self._ignore_merges = bool(model.get("ignore_merges", False))
        self._bytes: dict[int, bytes] = {}
        self.vocab_size: int = max([*plain.values(), *self.control_ids]) + 1

    # -- encoding

    @cached_property
    def _plain(self) -> Tokenizer:
        """The encoder without control tokens: not in its vocabulary, not among its added tokens."""
        return self._build(self._vocab, [])

    def _build(self, vocab: dict[str, int], added: list[dict[str, Any]]) -> Tokenizer:
        from tokenizers import Tokenizer

        try:
            return Tokenizer.from_str(json.dumps(self._document(vocab, added), ensure_ascii=False))
        except Exception as error:  # the library raises bare Exception
            what = "is not accepted by the tokenizers library: {reason}"
            raise _broken(self._where, what, reason=str(error)) from error

    def _document(self, vocab: dict[str, int], added: list[dict[str, Any]]) -> dict[str, Any]:
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": self._normalizer,
            "pre_tokenizer": self._pre_tokenizer,
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": self._ignore_merges,
                "vocab": vocab,
                "merges": [list(pair) for pair in self._merges],
            },
        }

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, taken literally: never a control id, whatever it says. Lone surrogates become
        U+FFFD."""
        if len(text) > _LONG:  # other threads may go on meanwhile, as they may not beside `encode`
            return self.encode_batch([text])[0]
        return self._plain.encode(_well_formed(text), add_special_tokens=False).ids

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """`encode` for many texts at once, on all cores."""
        encodings = self._plain.encode_batch_fast([_well_formed(t) for t in texts], add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    @cached_property
    def _splitter(self) -> re.Pattern[str]:
        # Longest first: where two control tokens begin alike, the longer one is meant.
        return re.compile("|".join(re.escape(s) for s in sorted(self.special, key=len, reverse=True)))

    def encode_with_specials(self, text: str) -> list[int]:
        """The ids of trusted text (a rendered template, a test): control tokens written out in it become
        their ids.

        Never call it on anything a user, a document or a tool has written.
        """
        if not self.special:
            return self.encode(text)
        ids: list[int] = []
        end = 0
        for match in self._splitter.finditer(text):
            ids += self.encode(text[end : match.start()])
            ids.append(self.special[match.group()])
            end = match.end()
        return ids + self.encode(text[end:])

    # -- decoding

    def token_bytes(self, token_id: int) -> bytes:
        """The UTF-8 bytes of a token (a control token: of its text); U+FFFD for an id without a token."""
        known = self._bytes.get(token_id)
        if known is None:
            if token_id in self._added:
                known = self._added[token_id].content.encode()
            elif token_id in self._names:
                table = _char_to_byte()
                known = bytes(table[char] for char in self._names[token_id])
            else:
                known = "\ufffd".encode()
            self._bytes[token_id] = known
        return known

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """The text of `ids`; broken UTF-8 becomes U+FFFD. `skip_special` drops special tokens and keeps
        tool tags."""
        skipped = self._skipped if skip_special else frozenset()
        return b"".join(self.token_bytes(i) for i in ids if i not in skipped).decode("utf-8", "replace")

    # -- writing

    @property
    def added_tokens(self) -> list[AddedToken]:
        """The control tokens in the order of their ids."""
        return list(self._added.values())

    def save(self, path: str | Path) -> Path:
        """Write a tokenizer.json that the tokenizers library and PreTrainedTokenizerFast load; `path`: file
        or directory.

        Other engines that load it see control tokens in text, as `encode_with_specials` does.
        """
        path = Path(path)
        path = path / "tokenizer.json" if path.is_dir() else path
        added = [
            {
                "id": token.id,
                "content": token.content,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": token.special,
            }
            for token in self._added.values()
        ]
        vocab = dict(sorted((self._vocab | self.special).items(), key=lambda item: item[1]))
        document = self._document(vocab, added)
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
        return path

    # -- reading

    @classmethod
    def open(cls, path: str | Path) -> AxTokenizer:
        """The tokenizer of a checkpoint directory.

        Raises:
            AdotxError: ``tokenizer.missing`` or ``tokenizer.broken``.
        """
        path = Path(path)
        if (path / "tokenizer.json").exists():
            return cls._from_document(path / "tokenizer.json", _declared(path))
        if (path / "vocab.json").exists() and (path / "merges.txt").exists():
            return cls.open_pair(path)
        raise AdotxError(
            "tokenizer.missing", "no tokenizer.json and no vocab.json + merges.txt", str(path), _COPY
        )

    @classmethod
    def _from_document(cls, path: Path, declared: dict[int, AddedToken]) -> AxTokenizer:
        where = str(path)
        document = read_json(path, "tokenizer.broken")
        model = document.get("model")
        if not isinstance(model, dict) or model.get("type", "BPE") != "BPE" or model.get("byte_fallback"):
            raise _broken(where, "is not a byte-level BPE tokenizer")
        pre_tokenizer = document.get("pre_tokenizer")
        if not isinstance(pre_tokenizer, dict) or '"ByteLevel"' not in json.dumps(pre_tokenizer):
            raise _broken(where, "is not a byte-level BPE tokenizer")
        try:
            added = {
                t["id"]: AddedToken(t["id"], t["content"], t["special"])
                for t in document.get("added_tokens") or []
            }
        except (TypeError, KeyError):
            raise _broken(where, "its added_tokens are broken") from None
        # As in transformers: both lists are merged, tokenizer_config.json overrides.
        return cls(model, list((added | declared).values()), document.get("normalizer"), pre_tokenizer, where)

    @classmethod
    def open_pair(cls, path: Path) -> AxTokenizer:
        """The tokenizer of a directory's vocab.json and merges.txt; a tokenizer.json is not read."""
        where = str(path / "vocab.json")
        declared = _declared(path)
        vocab = read_json(path / "vocab.json", "tokenizer.broken")
        lines = read_text(path / "merges.txt", "tokenizer.broken").split("\n")
        merges = [
            line for i, line in enumerate(lines) if line and not (i == 0 and line.startswith("#version"))
        ]
        built = {merge.replace(" ", "", 1) for merge in merges}
        declared_texts = {token.content for token in declared.values()}
        # An entry that is neither a byte nor the result of a merge is a control token, listed or not.
        extra = [
            AddedToken(i, token, token.startswith("<|"))
            for token, i in vocab.items()
            if token not in built and token not in _char_to_byte() and token not in declared_texts
        ]
        return cls({"vocab": vocab, "merges": merges}, [*declared.values(), *extra], where=where)


def _declared(path: Path) -> dict[int, AddedToken]:
    """The control tokens listed in tokenizer_config.json."""
    file = path / "tokenizer_config.json"
    listed = read_json_if_present(file, "tokenizer.broken").get("added_tokens_decoder") or {}
    try:
        tokens = [AddedToken(int(i), t["content"], bool(t.get("special", False))) for i, t in listed.items()]
    except (AttributeError, TypeError, KeyError, ValueError):
        raise _broken(str(file), "its added_tokens_decoder is broken") from None
    return {token.id: token for token in tokens}


def _well_formed(text: str) -> str:
    """`text` as valid Unicode: surrogate pairs joined, lone ones replaced (JSON's \\ud800 gives them)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def save_tokenizer_json(
    path: str | Path,
    vocab: dict[str, int],
    merges: Sequence[tuple[str, str] | str],
    added: Sequence[AddedToken],
) -> AxTokenizer:
    """Write a tokenizer.json.

    Args:
        path: the file or its directory.
        vocab: byte-level token -> id.
        merges: in their order.
        added: the control tokens.

    Returns:
        The tokenizer that the file describes.
    """
    tokenizer = AxTokenizer({"vocab": dict(vocab), "merges": list(merges)}, added, where=str(path))
    tokenizer.save(path)
    return tokenizer
