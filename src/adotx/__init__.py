"""adotx: run, serve, rebuild and measure A.X 4.0 Light and A.X 4.0 VL Light. Imports nothing heavy.

from adotx import Model

model = Model.open()
print(model.reply([{"role": "user", "content": "안녕하세요"}]).text)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adotx.model import AsyncModel, Model, Reply

__version__ = "0.1.0"
__all__ = ["AsyncModel", "Model", "Reply", "__version__"]


def __getattr__(name: str) -> Any:
    # Imported when first asked for: `adotx --help` needs none of it.
    if name in ("AsyncModel", "Model", "Reply"):
        from adotx import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
