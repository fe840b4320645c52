"""A review's session file: what was asked, and what was found.

So the Codex CLI 0.169 has it, which keeps what the reviewer itself said and ran in a
second file. Here nothing of that is kept: a conversation that goes on begins with the
findings, and not with the change, which would fill a small window.
"""

from codex_oss import events
from codex_oss.agent import context
from codex_oss.items import Message, OutputText, user
from codex_oss.policy import Permissions
from codex_oss.sessions.rollout import Rollout
from codex_oss.wiring import journal, prompt
from codex_oss.wiring.editing import first_form
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.world import SystemClock, uuid7


class ReviewFile:
    """The file of a review; nothing is written where the job keeps none.

    ``name`` is the model's, ``window`` its tokens if they are known.
    """

    def __init__(
        self,
        job: Job,
        thread_id: str,
        allowed: Permissions,
        name: str,
        window: int | None,
    ) -> None:
        clock = SystemClock()
        profile = job.loaded.config.prompt_profile
        if profile == "auto":
            profile = context.choose_profile(name, window)
        form = first_form(job, name, profile).form
        self._place = journal.place(
            job,
            thread_id,
            clock,
            window=window,
            instructions=prompt.instructions(job, name, profile, form),
            surroundings=[],
        )
        turn_id = uuid7(clock.now())
        told = journal.turn_context(job, allowed, name)
        self._context = {"turn_id": turn_id, **told}

    @property
    def rollout(self) -> Rollout | None:
        """The file, if there is one."""
        return self._place.rollout

    def begin(self, asked: str) -> None:
        """Write what the session is, and what is asked. Raises ``SessionError``."""
        kept = self._place.journal
        kept.note("session_meta", self._place.meta)
        kept.note("turn_context", self._context)
        kept.append(user(asked))

    def end(
        self, answer: str | None, last: events.TurnCompleted | events.TurnFailed
    ) -> None:
        """Write what was found, if that is known, and how the review ended."""
        kept = self._place.journal
        if answer is not None:
            said = [OutputText(text=answer)]
            kept.append(Message(role="assistant", content=list(said)))
            item = events.AgentMessage(id="item_0", text=answer)
            kept.tell(events.ItemCompleted(item=item))
        kept.tell(last)

    def close(self) -> None:
        """Close the file, and let others go on with it."""
        if self._place.rollout is not None:
            self._place.rollout.close()
