"""Tasks that live and end with a block, and fail with the exception of the first that fails, as it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An asyncio.TaskGroup that raises what its first failed task, or the block, has raised: no ExceptionGroup.

    What a callback raises has to reach the caller as it is, so that ``except OSError`` catches it.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
        context = failure.__context__
        try:
            raise failure
        finally:
            failure.__context__ = context  # as it was raised; the group is not shown
