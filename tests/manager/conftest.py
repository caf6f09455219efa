"""Every test here is checked for processes that it leaves behind."""

from tests.live import nothing_left, scripted_ascp, simulated_ascp, socket_folder

__all__ = ["nothing_left", "scripted_ascp", "simulated_ascp", "socket_folder"]
