"""Caches netlink requests and the answers parsed from their replies.

Every sweep asks the same ten thousand questions and nearly always gets the same bytes back. Requests are
built once, and answers are parsed again only if a reply differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from lowatch.core.limits.kernel import KERNEL_ANSWERS_KEPT

from .request_socket import NetlinkError, RequestSocket, batches

Question = TypeVar("Question")
Answer = TypeVar("Answer")


_OVERHEAD = 3
"""Memory of a memo apart from its questions, counted in questions."""


class _Memo(NamedTuple, Generic[Answer]):
    requests: list[tuple[bytes, int]]
    replies: list[bytes]
    answers: list[Answer]


class RequestCache(Generic[Question, Answer]):
    """Asks lists of questions over one socket.

    build(sequence, question) returns a request, read(sequence, question, reply) an answer, and
    failed(error) the answer for every question if the socket fails. read_alike(questions, replies) returns
    the same answers as read(), in a third of the time, if the replies are alike; None if they are not.
    """

    def __init__(
        self,
        sock: RequestSocket,
        build: Callable[[int, Question], bytes],
        read: Callable[[int, Question, bytes], Answer],
        failed: Callable[[NetlinkError], Answer],
        read_alike: Callable[[Sequence[Question], Sequence[bytes]], list[Answer] | None] | None = None,
    ) -> None:
        self._socket = sock
        self._build = build
        self._read = read
        self._failed = failed
        self._read_alike = read_alike
        self._memos: dict[tuple[Question, ...], _Memo[Answer]] = {}
        self._remembered = 0

    def __len__(self) -> int:
        """The number of questions whose answers are kept."""
        return sum(map(len, self._memos))

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order. Never raises: a failure is an answer.

        If every reply is the same as when the same questions were last asked, the same list object is
        returned, so that callers can compare by identity.
        """
        key = tuple(questions)
        memo = self._memos.get(key)
        requests = memo.requests if memo else batches(list(map(self._build, count(), key)))
        try:
            replies = self._socket.ask(requests)
        except NetlinkError as error:
            return [self._failed(error)] * len(key)
        if memo is not None and memo.replies == replies:
            self._memos[key] = self._memos.pop(key)  # the most recently used one is evicted last
            return memo.answers
        answers = self._read_alike(key, replies) if self._read_alike is not None else None
        if answers is None:
            answers = list(map(self._read, count(), key, replies))
        self._remember(key, memo is not None, _Memo(requests, replies, answers))
        return answers

    def forget(self) -> None:
        """Build every request again: something other than the questions that they depend on has changed."""
        self._memos.clear()
        self._remembered = 0

    def _remember(self, key: tuple[Question, ...], known: bool, memo: _Memo[Answer]) -> None:
        """Evict the least recently used memos. A single one that exceeds the limit stays until the next."""
        if known:
            del self._memos[key]
        else:
            self._remembered += len(key) + _OVERHEAD
        self._memos[key] = memo
        while self._remembered > KERNEL_ANSWERS_KEPT.value and len(self._memos) > 1:
            KERNEL_ANSWERS_KEPT.reached()
            oldest = next(iter(self._memos))
            del self._memos[oldest]
            self._remembered -= len(oldest) + _OVERHEAD
