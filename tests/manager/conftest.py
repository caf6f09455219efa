"""Every test here is checked for processes that it leaves behind."""

from tests.live import fake_ascp, nothing_left, simulated_ascp, socket_folder

__all__ = ["fake_ascp", "nothing_left", "simulated_ascp", "socket_folder"]
