"""`python -m adotx.hf ...`: transformers' own command line, which then knows A.X 4.0 (`serve DIR`, ...).

In: the arguments of `transformers`. Its look for a newer version, over the network, is left out.
"""

from __future__ import annotations

import adotx.hf  # noqa: F401  registers the classes


def main() -> None:
    """Run transformers' command line."""
    from transformers.cli.transformers import app

    app()


if __name__ == "__main__":
    main()
