"""The fixture of the plugin; an application that has faspmgr installed finds it without this."""

from faspmgr.testing import fake_ascp

__all__ = ["fake_ascp"]
