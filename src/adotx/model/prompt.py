"""Text to go on with as it stands, in place of a conversation: a `Prompt` in, ids out. Knows no template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import AxTokenizer


@dataclass(frozen=True)
class Prompt:
    """What an answer follows, with nothing around it.

    Attributes:
        text: taken literally; or its ids, none of them a control token's.
    """

    text: str | Sequence[int]

    def ids(self, tokenizer: AxTokenizer) -> list[int]:
        """The ids of the text.

        Raises:
            AdotxError: ``chat.control_id``: one of the ids given is a control token's.
        """
        if isinstance(self.text, str):
            return tokenizer.encode(self.text)
        control = next((token for token in self.text if token in tokenizer.control_ids), None)
        if control is not None:
            what, remedy = "id {token} is a control token's", "ask with messages, they set control tokens"
            raise AdotxError("chat.control_id", what, "prompt", remedy, token=control)
        return list(self.text)
