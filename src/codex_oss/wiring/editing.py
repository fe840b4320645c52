"""The edit tools of a session, and which of them its model is told of."""

from collections.abc import Mapping
from functools import partial

import msgspec

from codex_oss.agent import context
from codex_oss.ports import Tool
from codex_oss.tools.apply_patch import ApplyPatch
from codex_oss.tools.edit_file import EditFile
from codex_oss.tools.edit_record import EditRecord
from codex_oss.tools.edits import Edits
from codex_oss.tools.ladder import FORMS, TOOLS, Form, Ladder, rung
from codex_oss.tools.permit import Permit
from codex_oss.tools.seen import Seen
from codex_oss.tools.write_file import WriteWholeFile
from codex_oss.wire.responses import Tool as Spec
from codex_oss.wiring.model_settings import model_key, setting
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.world import state_home

FILE = "edits.json"
_OWN: Mapping[Form, str] = {
    "patch": "the full prompt's form",
    "replace": "for small models and small windows",
    "whole": "for models below a billion parameters",
}
CLIMBED = "its whole files have landed of late"
STEPPED = "its last edits with {tool} have mostly failed"


class Editing:
    """The edits of one session. ``form`` is where the model begins on the ladder.

    All tools can be called at any time; the model is told of those of its rung, and of
    the next one's when its edits fail, unless a person has chosen the form.
    """

    def __init__(
        self, job: Job, name: str, profile: context.PromptProfile, permit: Permit
    ) -> None:
        self.permit = permit
        self._specs: list[Spec] = []
        begins = first_form(job, name, profile)
        self.form: Form = begins.form
        self.row = begins.row
        """How files are edited, and why so, for people."""
        self.warnings = [begins.warning] if begins.warning else []
        if begins.freeform:
            self.seen = None
            self.edits = Edits(permit)
            self.tools: list[Tool] = [ApplyPatch(self.edits, freeform=True)]
            return
        offer = None if begins.pinned else self._offer
        keep = partial(_keep, _record(job, name))
        ladder = Ladder(self.form, offer=offer, keep=keep)
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


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The form that a session begins with, and why it is that one, in words."""

    form: Form
    why: str
    pinned: bool = False
    """A person has chosen it."""
    freeform: bool = False
    """Its tool takes text, not arguments, and nothing else is offered."""
    warning: str = ""

    @property
    def row(self) -> tuple[str, str]:
        """The tools by which files are edited, and why by these, for people."""
        return "edits", f"{' and '.join(TOOLS[self.form])} ({self.why})"


def first_form(job: Job, name: str, profile: context.PromptProfile) -> First:
    """Return the form of edits that a model is offered, as things stand."""
    chosen = setting(job.loaded, name, "edit_form", "edit_form")
    pinned = _form_named(chosen.value)
    # OpenAI's models are trained on the freeform patch tool, all others on
    # functions; with them everything is as in Codex.
    if job.loaded.provider_id == "openai" and pinned in (None, "patch"):
        return First(form="patch", why="as in Codex", freeform=True)
    if pinned is not None:
        return First(form=pinned, why=chosen.said_by, pinned=True)
    record, own = _record(job, name), own_form(name, profile)
    form = rung(own, record.read())
    why = _OWN[own]
    if form != own:
        climbed = FORMS.index(form) < FORMS.index(own)
        why = CLIMBED if climbed else STEPPED.format(tool=TOOLS[own][0])
    return First(form=form, why=why, warning=record.warning)


def own_form(name: str, profile: context.PromptProfile) -> Form:
    """Return the form that a model of its size begins with, before it has a record."""
    if context.tiny(name):
        return "whole"
    return "patch" if profile == "full" else "replace"


def _form_named(value: object) -> Form | None:
    """Return the form that a person has named; None for ``auto``."""
    for form in FORMS:
        if form == value:
            return form
    return None


def _record(job: Job, name: str) -> EditRecord:
    return EditRecord(state_home(job.env) / FILE, model_key(name))


def _keep(record: EditRecord, form: Form, landed: bool) -> None:  # noqa: FBT001  the ladder's
    record.add(form, landed=landed)
