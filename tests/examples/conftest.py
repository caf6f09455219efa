"""The fixtures of the plugin; an application that has faspmgr installed finds them without this."""

from faspmgr.testing import ascp_capture, fake_ascp, replay_to

__all__ = ["ascp_capture", "fake_ascp", "replay_to"]
