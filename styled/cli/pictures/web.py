"""``styled web``: the live page."""

from __future__ import annotations

import os
import sys
import threading

import click

from styled.cli.init import require_root
from styled.cli.options import root_option
from styled.root import Root


@click.command()
@root_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port on 127.0.0.1; 0 takes a free one."
)
def web(root_path: str | None, port: int) -> None:
    """Show in a browser what is being painted, the queue and the results, as they change. Ctrl-C ends it.

    Prints the address, which holds a new secret each time: only who has it sees the page, and only from this machine. Nothing can be changed
    through it. From another one: ssh -L 8000:127.0.0.1:PORT SERVER, with the PORT that is printed, then open the address with
    8000 in its place.
    """
    from styled.web.server import HOST, listening, new_token, serve

    root = Root.at(root_path)
    require_root(root)
    token = new_token()
    listener = listening(port)
    click.echo(f"http://{HOST}:{listener.getsockname()[1]}/{token}/")
    serve(root, listener, token)
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # A read that hangs on a dead disk: Python would wait for it.
        sys.stdout.flush()
        os._exit(0)
