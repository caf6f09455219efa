"""Progress as JSON Lines, for programs."""

from __future__ import annotations

from faspmgr.cli.progress.base import DRAW_SECONDS, Log
from faspmgr.jsontext import to_json
from faspmgr.tracking import Transfer


class JsonLines(Log):
    """A JSON object for each transfer that has changed, and one for each at the end.

    An object is ``Transfer.to_dict()`` without its sessions. It is ASCII, and so valid in any encoding.
    """

    interval = DRAW_SECONDS

    def _draw(self, transfers: list[Transfer]) -> None:
        for transfer in self._changed(transfers):
            shown = transfer.to_dict()
            del shown["sessions"]
            self._output.write(to_json(shown, ascii=True) + "\n")
