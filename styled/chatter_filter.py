"""Copies lines from standard input to standard output, without those that TensorFlow prints on a healthy machine.

A script of the standard library alone, run by :mod:`styled.tensorflow_import`. With ``--driver`` a failed ``cuInit`` is
passed on: there is a driver, so it is an error.
"""

from __future__ import annotations

import re
import sys

CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\] "  # the form of absl's log; I and W are information and warnings
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] \S+:\d+\] "  # TensorFlow's own, older form
    rb"|To enable the following instructions: "
)
NO_DRIVER = re.compile(rb"E\d{4} .*failed call to cuInit: ")


def is_chatter(line: bytes, *, has_driver: bool) -> bool:
    """Return whether a line means nothing to a user."""
    return CHATTER.match(line) is not None or (not has_driver and NO_DRIVER.match(line) is not None)


def is_chatter_in_log(line: str) -> bool:
    """Return whether a line of a job's log means nothing to a user: logs of styled 0.1 have such lines. Errors stay."""
    return is_chatter(line.encode(errors="replace"), has_driver=True)


def main() -> None:
    """Copy until the input ends."""
    has_driver = "--driver" in sys.argv[1:]
    while line := sys.stdin.buffer.readline():
        if not is_chatter(line, has_driver=has_driver):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
