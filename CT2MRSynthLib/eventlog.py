"""What a child process has told of its work so far: how far it is, what it warned of, how it ended."""

from __future__ import annotations

from collections.abc import Iterable

#: Warnings and errors kept; more nobody reads.
MOST = 200


class EventLog:
    """Takes the events of ``progress`` in, and knows where the run is.

    Unknown events, and known ones that lack something, are passed over: the child may be of a later version.
    """

    def __init__(self) -> None:
        self.percent = 0.0
        self.seconds_left: float | None = None
        self.stage = ""
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.results: list[dict] = []
        self.summary: dict = {}
        self.exit_status: int | None = None

    def take(self, events: Iterable[dict]) -> bool:
        """Take events in, in their order.

        Args:
            events: JSON objects (see ``progress``).

        Returns:
            Whether there was any.
        """
        taken = False
        for event in events:
            taken = True
            getattr(self, f"_on_{event.get('event')}", self._pass_over)(event)
        return taken

    def _on_progress(self, event: dict) -> None:
        percent, left = event.get("percent"), event.get("seconds_left")
        if isinstance(percent, (int, float)):
            self.percent = min(max(float(percent), self.percent), 100.0)
        self.seconds_left = float(left) if isinstance(left, (int, float)) else None
        self.stage = " ".join(str(event[key]) for key in ("ct", "level") if event.get(key))
        self.stage = ": ".join(part for part in (self.stage, str(event.get("stage") or "")) if part)

    def _on_warning(self, event: dict) -> None:
        _keep(self.warnings, event)

    def _on_error(self, event: dict) -> None:
        _keep(self.errors, event)

    def _on_result(self, event: dict) -> None:
        self.results.append(event)

    def _on_summary(self, event: dict) -> None:
        self.summary = {key: value for key, value in event.items() if key != "event"}

    def _on_end(self, event: dict) -> None:
        status = event.get("exit_status")
        self.exit_status = status if isinstance(status, int) else None

    def _pass_over(self, event: dict) -> None:
        pass


def _keep(sentences: list[str], event: dict) -> None:
    where = " ".join(str(event[key]) for key in ("ct", "level") if event.get(key))
    sentence = ": ".join(part for part in (where, str(event.get("message") or "")) if part)
    if sentence and len(sentences) < MOST:
        sentences.append(sentence)
