"""A pull, put together from its lines: one progress for all layers of a model.

Ollama tells of one layer after the other, and of the whole size never: it is known
beforehand where the registry's manifest says it, else it grows with the layers.
"""

from codex_oss.engines.base import Pulling, Verifying
from codex_oss.engines.meter import Meter
from codex_oss.wire.ollama.library import PullLine


class Layers:
    """What has come of a model. ``success``: Ollama said that all of it has."""

    def __init__(self, model: str, total: int | None) -> None:
        self.success = False
        self._model = model
        self._said = total or 0
        self._layers: dict[str, PullLine] = {}
        self._had = 0
        # It measures what comes now; what was there before has no speed.
        self._meter = Meter(model, None)
        self._speed = 0.0

    @property
    def done(self) -> int:
        """Bytes that are there, those of earlier tries too."""
        return sum(layer.completed for layer in self._layers.values())

    @property
    def total(self) -> int | None:
        """Bytes of all layers; of those that were told of, where nobody knows more."""
        return max(self._said, sum(x.total for x in self._layers.values())) or None

    def feed(self, line: PullLine, now: float) -> Pulling | Verifying | None:
        """Take a line; return what to tell people, if anything.

        ``now`` is in seconds.
        """
        if line.digest:
            return self._layer(line, now)
        if line.status.startswith("verifying"):
            return Verifying(self._model)
        self.success = line.status == "success"
        return None

    def _layer(self, line: PullLine, now: float) -> Pulling | None:
        if line.digest not in self._layers:
            self._had += line.completed
        self._layers[line.digest] = line
        event = self._meter.reach(self._new, now)
        if event is not None:
            self._speed = event.bytes_per_s
        elif self.done != self.total:
            return None
        return Pulling(self._model, self.done, self.total, self._speed)

    @property
    def _new(self) -> int:
        return max(0, self.done - self._had)
