"""What a shell offers for settings, presets and keys of the configuration; and words with ``=`` in bash."""

from __future__ import annotations

import os
import pwd
from typing import get_type_hints

import click
from click.shell_completion import BashComplete, CompletionItem, ZshComplete, add_completion_class, split_arg_string

from styled.settings import Settings, settings_table, words_in, words_of


def presets(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets that begin so."""
    from styled.presets import presets

    return [CompletionItem(each.name, help=each.description) for each in presets() if each.name.startswith(incomplete)]


def auto(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the one word that may stand for a figure."""
    return ["auto"] if "auto".startswith(incomplete) else []


def weights(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the words for weights that begin so, and have the shell offer files."""
    words = [CompletionItem(word) for word in words_of("weights") if word.startswith(incomplete)]
    return words or [CompletionItem(incomplete, type="file")]


def users(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the users of this machine whose names begin so."""
    return sorted(user.pw_name for user in pwd.getpwall() if user.pw_name.startswith(incomplete))


def settings(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return ``name=`` of the settings that begin so, and after the ``=`` the values of one that has few."""
    return _assignments(Settings, incomplete, {row.name: row.description for row in settings_table()})


def configuration(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return ``section.key=`` of the configuration, and after the ``=`` the values of a key that has few."""
    from styled.config import Config

    name, dot, rest = incomplete.partition(".")
    sections = {**get_type_hints(Config), "job": Settings}
    if not dot:
        return [CompletionItem(f"{each}.") for each in sections if each.startswith(name)]
    section = sections.get(name)
    found = _assignments(section, rest, {}) if section is not None else []
    return [CompletionItem(f"{name}.{item.value}", help=item.help) for item in found]


def _assignments(kind: type, incomplete: str, help_of: dict[str, str]) -> list[CompletionItem]:
    types = get_type_hints(kind)
    name, equals, value = incomplete.partition("=")
    if not equals:
        return [CompletionItem(f"{each}=", help=help_of.get(each)) for each in types if each.startswith(name)]
    words = words_of(name) if kind is Settings else words_in(types.get(name))
    return [CompletionItem(f"{name}={word}") for word in words if word.startswith(value)]


class _Bash(BashComplete):
    """Bash takes ``size=1`` for three words: the line is read as it stands, and what is offered begins after the ``=``."""

    name = "bash"
    source_template = (
        BashComplete.source_template.replace("env COMP_WORDS=", 'env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDS=')
        # Who takes a name goes on to its value.
        .replace("COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *[=.] ]] && compopt -o nospace")
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE", "")
        if not line:
            return super().get_completion_args()
        words = split_arg_string(line)[1:]
        return (words, "") if not words or line[-1].isspace() else (words[:-1], words[-1])

    def format_completion(self, item: CompletionItem) -> str:
        offered = str(item.value)
        if "=" in self.get_completion_args()[1]:
            offered = offered.rpartition("=")[2] or offered
        return f"{item.type},{offered}"


class _Zsh(ZshComplete):
    """No space after what ends in ``=`` or a dot: who takes a name goes on to its value."""

    name = "zsh"
    source_template = (
        ZshComplete.source_template.replace(
            '    if [ -n "$completions_with_descriptions" ]',
            """    local -a end
    [[ "${completions[1]}${completions_with_descriptions[1]%%%%:*}" == *[=.] ]] && end=(-S '')

    if [ -n "$completions_with_descriptions" ]""",
        )
        .replace("completions_with_descriptions -U", 'completions_with_descriptions -U "${end[@]}"')
        .replace("compadd -U -V unsorted", 'compadd "${end[@]}" -U -V unsorted')
    )


def use_own_shells() -> None:
    """Have click answer bash and zsh by these classes."""
    add_completion_class(_Bash)
    add_completion_class(_Zsh)
