"""A lease as a key: which job, under which fence. `devicefarm.v1.job_pb2.LeaseRef` is the same on the wire."""

from __future__ import annotations

from typing import NamedTuple

from devicefarm.v1 import job_pb2

__all__ = ["Lease"]


class Lease(NamedTuple):
    """The right of one attempt to one board."""

    job_id: str
    fence: int

    def to_message(self) -> job_pb2.LeaseRef:
        return job_pb2.LeaseRef(job_id=self.job_id, fence=self.fence)

    @classmethod
    def from_message(cls, message: job_pb2.LeaseRef) -> Lease:
        return cls(message.job_id, message.fence)

    @property
    def file_name(self) -> str:
        """As part of a file's name. Job ids come from outside, so nothing but letters and digits is taken over.

        >>> Lease("../etc/passwd", 3).file_name
        '___etc_passwd-3'
        """
        readable = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in self.job_id[:16])
        return f"{readable}-{self.fence}"

    def __str__(self) -> str:
        """As it stands in the log."""
        return f"{self.job_id[:12]}#{self.fence}"
