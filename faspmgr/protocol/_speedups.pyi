from typing import Any

class Unread:
    _buffer: bytearray
    _offset: int
    _line: int
    _end_searched: int
    _max: int
    _ready: bool
    _passed: bool

    def _append(self, data: bytes, results: list[Any], /) -> bool: ...
    def _read_clean(self, start: int, has_cr: bool, results: list[Any], /) -> int: ...
    def _learn(
        self,
        cls: type[Any],
        head: bytes,
        lines: int,
        dict: Any,
        place: Any,
        constants: tuple[tuple[Any, Any], ...],
        fields: tuple[tuple[int, str, Any, Any, bytes], ...],
        /,
    ) -> None: ...

def count_lines(data: bytes | bytearray, start: int, end: int, /) -> int: ...
