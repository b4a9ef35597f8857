"""The glyph alphabet, where the page maker's modules have always found it."""

from adotx.alphabet import *  # noqa: F403
from adotx.alphabet import HANJA, SYMBOLS  # noqa: F401
