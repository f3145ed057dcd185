from __future__ import annotations


class ChangedDomains(list[str]):
    """An AnswerListener: the domains whose answers have changed, in order."""

    def answer_changed(self, domain: str) -> None:
        self.append(domain)
