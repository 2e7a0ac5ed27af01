"""Watch streams from outside, without standing between them and whoever reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai_scan.errors import ScanError
    from openai_scan.events import Event, Outcome
    from openai_scan.streamer import StreamerV2


class Observer:
    """Is told what happens in a stream; override what you want to know.

    An answer is one `began()`, its events, and one `ended()`; a chain of streams has several
    answers. `StreamerV2.observe()` makes an observer watch one stream, and `observers=` of a
    client all of them. The reader waits while a method runs, and what a method raises is raised
    by the `next()` or `close()` that called it.
    """

    def began(self, stream: StreamerV2) -> None:
        """The answer is about to be asked for."""

    def event(self, stream: StreamerV2, event: Event) -> None:
        """The reader is about to be given *event*."""

    def renewed(self, stream: StreamerV2, error: ScanError) -> None:
        """After *error* the same answer is about to be asked for again, or for its rest."""

    def ended(self, stream: StreamerV2, outcome: Outcome, error: ScanError | None) -> None:
        """The answer has ended, as *outcome* and *error* say."""
