"""The answer that the texts of `explain` are about."""

from __future__ import annotations

from lowatch.core.addresses import parse_address
from lowatch.core.answers import Answer, AnswerStatus, RRset

VIP = parse_address("192.0.2.10")
ELSEWHERE = parse_address("198.51.100.7")

ANSWER = Answer(
    "www.example.com",
    a=RRset(AnswerStatus.RESOLVED, (VIP, ELSEWHERE), ("lb.example.net",), 300, server="192.0.2.53"),
    aaaa=RRset(AnswerStatus.NODATA, ttl=60, server="192.0.2.53"),
)
