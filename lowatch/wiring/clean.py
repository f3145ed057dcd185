"""What `lowatch clean --apply` changes the kernel with. Nothing that the daemon imports does."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lowatch.app.cleaning import Kernel
from lowatch.kernel.changes.changer import Changer
from lowatch.kernel.changes.place import new_undo

__all__ = ["changer", "new_undo"]


def changer() -> AbstractContextManager[Kernel]:
    """Of the network namespace in which the context is entered. Raises ChangeError there."""
    return Changer()
