"""People for tests: approvers that answer what they were told to."""

from codex_oss.policy import Answer, Question


class Person:
    """Gives its answers one after the other, the last one again and again."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers or ("no",))
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        """Answer, and remember the question."""
        self.asked.append(question)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
