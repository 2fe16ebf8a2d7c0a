"""``styled doctor``."""

from __future__ import annotations

import dataclasses
import sys

import click
import msgspec

from styled.cli.options import root_option
from styled.files.printable import escaped
from styled.root import Root


@click.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def doctor(root_path: str | None, as_json: bool) -> None:
    """Check the root and this machine, and print what to do about what is wrong.

    Exits with 1 if there is a problem; a warning is none.
    """
    from styled.daemon.checkup import examine

    findings = []
    for found in examine(Root.at(root_path)):
        # They name files, whose names need not be UTF-8.
        finding = dataclasses.replace(found, text=escaped(found.text), advice=escaped(found.advice))
        findings.append(finding)
        if not as_json:
            mark = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}[finding.level]
            click.echo(f"{mark}  {finding.name}: {finding.text}")
            if finding.advice:
                click.echo(f"         {finding.advice}")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2))
    sys.exit(1 if any(finding.level == "problem" for finding in findings) else 0)
