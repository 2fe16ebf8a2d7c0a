"""What a start waits for, and what it gives up on."""

from __future__ import annotations

import errno

import pytest

from styled.config import Config
from styled.daemon.daemon import Daemon
from styled.errors import (
    DaemonAlreadyRunning,
    DaemonError,
    StorageRefuses,
    StoreError,
    StoreLocked,
    StoreRefused,
    StyledError,
)
from styled.root import Root


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.EIO, "Input/output error"),
        RuntimeError("can't start new thread"),
        StorageRefuses("the disk does not take it"),
        StoreLocked("it is locked"),
        StoreRefused("it cannot be written"),
    ],
    ids=str,
)  # fmt: skip
def test_what_may_pass_is_waited_for_in_words(root: Root, error: Exception) -> None:
    reason = Daemon(root, Config)._why_wait(error)
    assert str(getattr(error, "strerror", None) or error).partition(". ")[0] in reason


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied"),
        RuntimeError("a mistake of ours"),
        StoreError("from a newer styled"),
        DaemonAlreadyRunning("another runs"),
    ],
    ids=str,
)  # fmt: skip
def test_what_waiting_does_not_mend_ends_the_start(root: Root, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        Daemon(root, Config)._why_wait(error)
    assert caught.value is error


def test_every_error_of_the_tree_that_may_pass_says_what_to_do() -> None:
    classes: list[type[StyledError]] = [StyledError]
    for each in classes:
        classes.extend(each.__subclasses__())
    passing = [each for each in classes if each.may_pass]
    assert {StorageRefuses, StoreLocked, StoreRefused} <= set(passing)
    assert all(each.advice_default for each in passing)
    assert not DaemonError.may_pass
