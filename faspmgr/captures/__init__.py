"""Recorded and live streams: sources of bytes, messages inside of other logs, and writing down what arrives."""

from faspmgr.captures.recorder import Recorder, Recording
from faspmgr.captures.sources import Source, chunks, pump
from faspmgr.captures.unwrap import Unwrap

__all__ = ["Recorder", "Recording", "Source", "Unwrap", "chunks", "pump"]
