"""Files that are a job already and could not be moved out of the inbox: how they are known again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

from styled.files.signature import Signature
from styled.inbox.claiming.claim_record import Member


class Taken(NamedTuple):
    """What is remembered of such a file."""

    inode: int
    size: int
    mtime_ns: int
    digest: str
    """SHA-256 of its bytes, hexadecimal; empty when a version before 0.2.0 took it."""

    @classmethod
    def of(cls, member: Member) -> Self:
        """Return what is remembered of a file of a claim."""
        signature = member.signature
        return cls(signature.inode, signature.size, signature.mtime_ns, member.digest)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what :attr:`text` gave; None if it is nothing of the kind."""
        inode, size, mtime_ns, digest = [*text.split(":"), ""][:4] if text.count(":") in (2, 3) else [""] * 4
        try:
            return cls(int(inode), int(size), int(mtime_ns), digest)
        except ValueError:
            return None

    @classmethod
    def parse_all(cls, texts: Mapping[str, str]) -> dict[str, Self]:
        """Read what the store has, by path in the inbox, without what is nothing of the kind."""
        parsed = ((path, cls.parse(text)) for path, text in texts.items())
        return {path: taken for path, taken in parsed if taken is not None}

    @property
    def text(self) -> str:
        """As the store keeps it."""
        return f"{self.inode}:{self.size}:{self.mtime_ns}:{self.digest}"

    def is_same(self, found: Signature) -> bool:
        """Return whether the file that was found is this one."""
        return (self.inode, self.size, self.mtime_ns) == (found.inode, found.size, found.mtime_ns)

    def may_be(self, found: Signature) -> bool:
        """Return whether it may be: inodes of many file systems change with each mount, times with a touch. Its digest decides."""
        return self.size == found.size and (bool(self.digest) or self.mtime_ns == found.mtime_ns)
