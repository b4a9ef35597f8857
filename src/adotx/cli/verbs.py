"""How verbs and groups of them are made with Typer: a function and the key of its text in, a verb out.

Imports typer and the table of strings, nothing heavier.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from adotx.cli.strings import language, text
from adotx.cli.usage import help_text


class Command(TyperCommand):
    """A verb whose help page is in the user's language."""

    def get_help(self, ctx: Any) -> str:
        return help_text(super().get_help(ctx), language())


class Group(TyperGroup):
    """Verbs in the order of this file, not of the alphabet; help as `Command`."""

    def get_help(self, ctx: Any) -> str:
        return help_text(super().get_help(ctx), language())

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


def group(key: str) -> typer.Typer:
    """A group of verbs, with the text of that key."""
    return typer.Typer(
        cls=Group,
        help=text(key),
        no_args_is_help=True,
        add_completion=False,
        # Plain help and plain tracebacks: importing rich takes longer than all the rest.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )


def verb(of: typer.Typer, key: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a function as a verb; its return value is the exit code."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> None:
            raise typer.Exit(function(*args, **kwargs))

        of.command(key.rpartition(".")[2], cls=Command, help=text(key))(call)
        return function

    return register
