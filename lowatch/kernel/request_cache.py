"""Questions asked again and again: requests built once, and unchanged replies read once.

A sweep asks the same ten thousand questions every time, and nearly always gets the same octets back.
Octets that are the same mean the same: the answers read from them are handed out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from lowatch.core.limits import KERNEL_ANSWERS_KEPT

from .request_socket import NetlinkError, RequestSocket, batches

Question = TypeVar("Question")
Answer = TypeVar("Answer")


_OVERHEAD = 3
"""What a list of questions takes beside them, in questions."""


class _Memo(NamedTuple, Generic[Answer]):
    requests: list[tuple[bytes, int]]
    replies: list[bytes]
    answers: list[Answer]


class Asked(Generic[Question, Answer]):
    """build(sequence, question) makes a request; read(sequence, question, reply) an answer."""

    def __init__(
        self,
        sock: RequestSocket,
        build: Callable[[int, Question], bytes],
        read: Callable[[int, Question, bytes], Answer],
        failed: Callable[[NetlinkError], Answer],
    ) -> None:
        self._socket = sock
        self._build = build
        self._read = read
        self._failed = failed
        self._memos: dict[tuple[Question, ...], _Memo[Answer]] = {}
        self._remembered = 0

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order. Never raises: a failure is an answer.

        Where every reply is what it was when the same questions were last asked, the list returned is
        the very same object: whoever kept it knows without looking that nothing changed.
        """
        key = tuple(questions)
        memo = self._memos.get(key)
        requests = memo.requests if memo else batches([self._build(i, q) for i, q in enumerate(key)])
        try:
            replies = self._socket.ask(requests)
        except NetlinkError as error:
            return [self._failed(error)] * len(key)
        if memo is not None and memo.replies == replies:
            self._memos[key] = self._memos.pop(key)  # the last to be forgotten
            return memo.answers
        answers = [self._read(i, q, r) for i, (q, r) in enumerate(zip(key, replies, strict=True))]
        self._remember(key, _Memo(requests, replies, answers))
        return answers

    def forget(self) -> None:
        """Build every request anew: what goes into them beside the questions has changed."""
        self._memos.clear()
        self._remembered = 0

    def _remember(self, key: tuple[Question, ...], memo: _Memo[Answer]) -> None:
        """Those asked longest ago make room; a list that is too long by itself stays until the next."""
        if self._memos.pop(key, None) is None:
            self._remembered += len(key) + _OVERHEAD
        self._memos[key] = memo
        while self._remembered > KERNEL_ANSWERS_KEPT.value and len(self._memos) > 1:
            KERNEL_ANSWERS_KEPT.reached()
            oldest = next(iter(self._memos))
            del self._memos[oldest]
            self._remembered -= len(oldest) + _OVERHEAD
