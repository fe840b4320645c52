"""The edit tools of a session, and which of them its model is told of."""

from functools import partial

from codex_oss.agent import context
from codex_oss.ports import Tool
from codex_oss.tools.apply_patch import ApplyPatch
from codex_oss.tools.edit_file import EditFile
from codex_oss.tools.edit_record import EditRecord
from codex_oss.tools.edits import Edits
from codex_oss.tools.ladder import TOOLS, Form, Ladder, rung
from codex_oss.tools.permit import Permit
from codex_oss.tools.seen import Seen
from codex_oss.tools.write_file import WriteWholeFile
from codex_oss.wire.responses import Tool as Spec
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.world import state_home

FILE = "edits.json"


class Editing:
    """The edits of one session. ``form`` is where the model begins on the ladder.

    All tools can be called at any time; the model is told of those of its rung, and of
    the next one's when its edits fail.
    """

    def __init__(
        self, job: Job, name: str, profile: context.PromptProfile, permit: Permit
    ) -> None:
        self.permit = permit
        self.warnings: list[str] = []
        self._specs: list[Spec] = []
        # OpenAI's models are trained on the freeform patch tool, all others on
        # functions; with them everything is as in Codex.
        if job.loaded.provider_id == "openai":
            self.form: Form = "patch"
            self.seen = None
            self.edits = Edits(permit)
            self.tools: list[Tool] = [ApplyPatch(self.edits, freeform=True)]
            return
        record = EditRecord(state_home(job.env) / FILE, model_key(name))
        self.form = rung(own_form(name, profile), record.read())
        self.warnings += [record.warning] if record.warning else []
        ladder = Ladder(self.form, offer=self._offer, keep=partial(_keep, record))
        self.seen = Seen(job.cwd, job.kept.items if job.kept else ())
        self.edits = Edits(permit, seen=self.seen, ladder=ladder)
        self.tools = [
            ApplyPatch(self.edits, freeform=False),
            EditFile(self.edits),
            WriteWholeFile(self.edits),
        ]

    def told(self, tools: list[Tool]) -> list[Tool]:
        """Return the tools without those edit tools that the model is not told of."""
        hidden = {tool.spec.name for tool in self.tools} - {*TOOLS[self.form]}
        return [tool for tool in tools if tool.spec.name not in hidden]

    def join(self, specs: list[Spec]) -> None:
        """Offer further forms in ``specs``, the list that each request is made from."""
        self._specs = specs

    def _offer(self, form: Form) -> None:
        known = {getattr(spec, "name", "") for spec in self._specs}
        own = {tool.spec.name: tool.spec for tool in self.tools}
        self._specs += [own[name] for name in TOOLS[form] if name not in known]


def own_form(name: str, profile: context.PromptProfile) -> Form:
    """Return the form that a model of its size begins with, before it has a record."""
    if context.tiny(name):
        return "whole"
    return "patch" if profile == "full" else "replace"


def model_key(name: str) -> str:
    """Return the name under which a model's record is kept: a file's without folders.

    Its quantisation is in it where the server's name says so.
    """
    return name.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".gguf")


def _keep(record: EditRecord, form: Form, landed: bool) -> None:  # noqa: FBT001  the ladder's
    record.add(form, landed=landed)
