"""`python -m adotx` is `adotx`."""

from adotx.cli import main

if __name__ == "__main__":
    main()
