"""Progress for people and for programs: bars, lines, JSON."""

from faspmgr.cli.progress.progress import MODES, Output, Progress, make_progress

__all__ = ["MODES", "Output", "Progress", "make_progress"]
