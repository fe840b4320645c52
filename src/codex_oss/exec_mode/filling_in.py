"""A server's form, filled in at a terminal: field after field, then seen as a whole.

Nothing is sent that was not shown and said yes to.
"""

from codex_oss.exec_mode import form_text
from codex_oss.exec_mode.keys import Keys
from codex_oss.exec_mode.lines import Left, Lines
from codex_oss.policy import Answer, AnswerServer, Filled
from codex_oss.policy.filling import EMPTY, Wrong, check, defaults, read
from codex_oss.policy.form import Choices, Field, Form, Text, Value


class Filling:
    """One form on a terminal whose ``keys`` have begun."""

    def __init__(self, keys: Keys, asked: AnswerServer, form: Form) -> None:
        self._keys = keys
        self._asked = asked
        self._form = form
        self._lines = Lines(keys)
        self._said = defaults(form)

    async def answer(self) -> Answer:
        """Ask for all fields until the person sends, declines or leaves the form."""
        self._keys.write(form_text.head(self._asked, self._keys.columns()))
        todo = list(range(len(self._form.fields)))
        while True:
            while todo:
                left = await self._fill(todo[0])
                if left is None:
                    todo.pop(0)
                elif left.how == "escape":
                    break
                else:
                    return "later"
            chosen = await self._review(todo)
            if not isinstance(chosen, int):
                return chosen
            todo = [chosen, *(number for number in todo if number != chosen)]

    def draw(self) -> None:
        """Show the line that is typed once more: others have used the terminal."""
        self._lines.draw()

    async def _fill(self, number: int) -> Left | None:
        """Ask for a field until what is said fits; tell if it was left instead."""
        field, show = self._form.fields[number], self._keys.write
        before, columns = self._said.get(field.name), self._keys.columns()
        show(form_text.field_rows(self._asked, self._form, number, before, columns))
        while True:
            line = await self._lines.next()
            if isinstance(line, Left):
                return line
            value = meant(field, line, before)
            if value is None:
                self._said.pop(field.name, None)
            elif isinstance(value, Wrong):
                show(form_text.wrong(value.why, self._keys.columns()))
                continue
            else:
                self._said[field.name] = value
            return None

    async def _review(self, todo: list[int]) -> Answer | int:
        """Show what would be sent; return the answer, or a field to ask for first."""
        fields, keys = self._form.fields, self._keys
        numbers = {str(number + 1): number for number in range(len(fields))}
        show, columns = keys.write, keys.columns()
        # A yes that was typed, or pasted, before this was shown says nothing of it.
        self._lines.forget()
        show(form_text.review(self._asked, self._form, self._said, columns))
        show(form_text.commands(columns, more=bool(todo)))
        while True:
            line = await self._lines.next()
            if isinstance(line, Left) and line.how != "escape":
                return "later"
            word = line.strip().casefold() if isinstance(line, str) else ""
            missing = self._missing()
            if word in ("n", "no"):
                return "no"
            if word in ("y", "yes") and missing is None:
                return Filled(dict(self._said))
            if word in ("y", "yes") and missing is not None:
                show(form_text.wrong(f"{fields[missing].title} is needed", columns))
                return missing
            if word in numbers:
                return numbers[word]
            if not word and todo:
                return todo[0]
            show(form_text.wrong("type y, n, or the number of a field", columns))

    def _missing(self) -> int | None:
        """Return the first field that is needed and has nothing."""
        for number, field in enumerate(self._form.fields):
            if field.required and field.name not in self._said:
                return number
        return None


def meant(field: Field, line: str, before: Value | None) -> Value | Wrong | None:
    """Return what a typed line makes of a field; None: it is left out.

    Enter alone keeps what stands there ``before``.
    """
    typed = line.strip()
    if not typed and before is not None:
        return check(field, before)
    if typed in ("", EMPTY) and not field.required:
        return None
    if not typed or (typed == EMPTY and not isinstance(field, Text | Choices)):
        return Wrong("it is needed")
    return read(field, line)
