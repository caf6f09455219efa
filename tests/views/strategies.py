"""For hypothesis: events of a session, in any order."""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

from faspmgr import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)

T = TypeVar("T")


def _maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | strategy


_NUMBERS = _maybe(st.integers(0, 200) | st.integers(0, 2**64 - 1))
_TEXTS = _maybe(st.text(max_size=5) | st.sampled_from(["127.0.0.1", "2001:db8::1", "host", "\udcff"]))
_IDS = st.sampled_from([None, "s", "7d3b60e9-15fc-4b8a-9e02-d64c1a8f7305", "\udcfc"])
_FLAGS = _maybe(st.booleans())
_SECRET = _maybe(st.just("hush-hush"))


def _file(cls: type[Event], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    numbers = ("size", "written", "start_byte", "end_byte", "elapsed_usec", "transfer_bytes", "file_bytes", "delay")
    return st.builds(
        cls,
        session_id=_IDS,
        file=_maybe(st.sampled_from(["a", "b", "c", "\udcfc"])),
        fasp_file_id=_maybe(st.sampled_from(["1", "2"])),
        **dict.fromkeys(numbers, _NUMBERS),
        **more,
    )


_KINDS: list[st.SearchStrategy[Event]] = [
    st.builds(InitEvent, session_id=_IDS, user_str=_TEXTS, direction=st.sampled_from([None, "Send", "Receive"])),
    st.builds(
        SessionEvent,
        session_id=_IDS,
        user=_TEXTS,
        host=_TEXTS,
        remote_address=_TEXTS,
        local_ip=_TEXTS,
        server_hostname=_TEXTS,
        server_docroot=_TEXTS,
        direction=st.sampled_from([None, "Send", "Receive"]),
        remote=_FLAGS,
        encryption=_FLAGS,
        token=_SECRET,
        cookie=_TEXTS,
        tags=st.none() | st.fixed_dictionaries({"token": _SECRET, "x": _NUMBERS}),
        rate=st.none() | st.just("50%") | st.integers(0, 10**6),
        min_rate=_NUMBERS,
        service_level=_NUMBERS,
        rate_cap=st.sampled_from([None, 5000, 18446744073709551, 4503599627370495]),
        adaptive=st.sampled_from([None, "Adaptive", "Fixed", "Trickle", "Unset"]),
        priority=st.sampled_from([None, 1, 2]),
        port=_NUMBERS,
        tcp_port=_NUMBERS,
        rate_control_algorithm=st.sampled_from([None, "alg_none", "alg_delay"]),
        use_proxy=_FLAGS,
        proxy_ip=_TEXTS,
    ),
    st.builds(NotificationEvent, session_id=_IDS, pre_transfer_files=_NUMBERS, pmtu=_NUMBERS, rate=_NUMBERS),
    _file(StatsEvent),
    _file(StopEvent),
    _file(SkipEvent),
    _file(FileErrorEvent, code=_maybe(st.integers(0, 70)), description=_TEXTS),
    st.builds(DoneEvent, session_id=_IDS, transfer_bytes=_NUMBERS, elapsed_usec=_NUMBERS),
    st.builds(ErrorEvent, session_id=_IDS, code=_maybe(st.integers(0, 70)), description=_TEXTS),
]
EVENTS: st.SearchStrategy[list[Event]] = st.lists(st.one_of(_KINDS), max_size=12)
