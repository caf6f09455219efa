"""The commands to ascp by their public name: ``from faspmgr.commands import SetRate``."""

from faspmgr.protocol.commands import *  # noqa: F403  # their list of names stands there
