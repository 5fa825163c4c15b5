"""`everfold completion`: the script that teaches a shell to complete our commands and options."""

from __future__ import annotations

import sys

import click

from ..command import command
from ..settings import Settings
from ..telling import envelope, write_json

__all__ = ["completion"]

SHELLS = ("bash", "zsh", "fish")


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(settings: Settings, shell: str) -> None:
    """Print the completion script of a shell.

    bash: eval "$(everfold completion bash)" in ~/.bashrc; zsh: the same with zsh in ~/.zshrc; fish: everfold
    completion fish > ~/.config/fish/completions/everfold.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click completes these three shells"
    program = click.get_current_context().find_root().command
    # not kind.source(), which for bash starts a bash to ask for its version
    made = kind(program, {}, "everfold", "_EVERFOLD_COMPLETE")
    script = made.source_template % made.source_vars()
    if settings.json:
        write_json(envelope(settings, "pass", {"shell": shell, "script": script}))
    else:
        sys.stdout.write(script)
