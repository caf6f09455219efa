"""What pyproject.toml cannot say about the build: the optional extension module, and the captures that are shipped."""

import shutil
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

SPEEDUPS = Extension("faspmgr.protocol._speedups", ["faspmgr/protocol/_speedups.c"], optional=True)
CAPTURES = ("ascp-3.9.0", "sessions")
"""Folders of fixtures/ that an installed package has too, for the fixture ascp_capture of the pytest plugin."""


class BuildPackage(build_py):
    """Adds the captures."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for name in CAPTURES:
                shutil.copytree(f"fixtures/{name}", f"{self.build_lib}/faspmgr/simulator/captures/{name}")


class BuildExtension(build_ext):
    """Where compiling fails, leaves no module of an older source in a working copy."""

    def copy_extensions_to_source(self) -> None:
        for extension in self.extensions:
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
        super().copy_extensions_to_source()


with tempfile.TemporaryDirectory() as folder:  # what is left in build/ would become a part of the next wheel
    setup(
        ext_modules=[SPEEDUPS],
        cmdclass={"build_py": BuildPackage, "build_ext": BuildExtension},
        options={"build": {"build_base": folder}},
    )
