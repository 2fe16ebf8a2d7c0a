"""The commands about what lies in the inbox and is no job: recheck, dismiss."""

from __future__ import annotations

import click

from styled.cli.options import root_option
from styled.daemon.control.protocol import Client, status_from
from styled.errors import StyledError
from styled.root import Root


def _pairs(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names that begin so of what is rejected, incomplete or ignored, as far as they are listed."""
    try:
        status = status_from(Client(Root.at(ctx.params.get("root_path")), timeout=1.0).request("status"))
    except StyledError:
        return []  # no daemon here, or one that does not answer: nothing to offer, and nowhere to print an error
    names = {entry.name for entry in status.rejected} | {entry.name for entry in status.incomplete}
    names |= {entry.name for entry in status.ignored}
    return sorted({name for name in names if name.startswith(incomplete) and not any(map(str.isspace, name))})


@click.command()
@root_option
@click.argument("pairs", metavar="NAME…", nargs=-1, required=True, shell_complete=_pairs)
def recheck(root_path: str | None, pairs: tuple[str, ...]) -> None:
    """Look again at each pair NAME: a rejected one is moved back into the inbox, an incomplete one is checked now.

    Where a rejected and another pair share a name, say rejected/NAME or inbox/NAME.
    """
    client = Client(Root.at(root_path))
    for pair in pairs:
        answer = client.request("recheck", pair=pair)
        back = f"back in inbox/ ({', '.join(answer['to'])}); " if answer["to"] else ""
        click.echo(f"{answer['name']}: {back}it is looked at again")


@click.command()
@root_option
@click.argument("pairs", metavar="NAME…", nargs=-1, required=True, shell_complete=_pairs)
def dismiss(root_path: str | None, pairs: tuple[str, ...]) -> None:
    """Move each pair NAME that is rejected, incomplete or ignored to inbox/dismissed/; nothing is deleted.

    Where a rejected and another pair share a name, say rejected/NAME or inbox/NAME.
    """
    client = Client(Root.at(root_path))
    for pair in pairs:
        answer = client.request("dismiss", pair=pair)
        click.echo(f"{answer['name']}: moved to {answer['to']}/")
