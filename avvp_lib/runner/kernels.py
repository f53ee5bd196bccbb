"""The kernel of a run: exactly this Python, an address of its own, and nothing of the user's IPython settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

LONGEST_SOCKET = 90  # characters; the systems' limit is 104 or 108, and the name gets a suffix


def own_python(private: Path, environment: dict[str, str], exits: list[int]) -> type[AsyncKernelManager]:
    """A class of kernel managers for one run, to be given to papermill.

    Args:
        private: an empty folder that no other run uses, with a short path; the sockets go there. Where there are none (Windows) or the
            path is too long for them, the kernel listens to local TCP ports.
        environment: variables to set for the kernel, besides those of this process.
        exits: gets the exit status if the kernel dies; negative for a signal.
    """
    sockets = private / "k"
    ipc = sys.platform != "win32" and len(str(sockets)) <= LONGEST_SOCKET
    address: dict[str, Any] = {"transport": "ipc", "ip": str(sockets)} if ipc else {}

    class OwnPython(AsyncKernelManager):
        """Starts this interpreter, whatever kernel is installed under the name that the notebook stores."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, **address, "connection_file": str(private / "kernel.json")})

        @property
        def kernel_spec(self) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

        async def _async_pre_start_kernel(self, **options: Any) -> tuple[list[str], dict[str, Any]]:
            settings = {"IPYTHONDIR": str(private / "ipython"), **environment}
            return await super()._async_pre_start_kernel(**{**options, "env": {**os.environ, **settings}})

        pre_start_kernel = _async_pre_start_kernel

        async def _async_is_alive(self) -> bool:
            alive = await super()._async_is_alive()
            if not alive and self.has_kernel and not self.shutting_down:
                exits.append(await self.provisioner.poll())
            return alive

        is_alive = _async_is_alive

    return OwnPython
