"""The paths of a transfer: what they may be, and the list of files that ascp gets."""

from __future__ import annotations

import pytest

from faspmgr.errors import SpecError
from tests.ascp.specs import listed, made, refused

LINE_BREAK = "has a line break or a null character, which ascp does not accept"


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("", "a", "must be an object with source and destination, not text"),
        (".sorce", {"sorce": "a"}, "unknown property; a path has source and destination"),
        (".source", {"destination": "a"}, "is missing"),
        (".source", {"source": None}, "is missing"),
        (".source", {"source": ""}, "is empty"),
        (".source", {"source": 5}, "must be text, not a number"),
        *((".source", {"source": f"a{end}"}, LINE_BREAK) for end in ("\nb", "\r", "\0")),
        (".source", {"source": "\ud800"}, "has a character that cannot be encoded"),
        (".destination", {"source": "a", "destination": "b\nc"}, LINE_BREAK),
        (".destination", {"source": "a", "destination": ""}, "is empty"),
    ],
)
def test_paths_that_are_refused(name: str, path: object, message: str) -> None:
    assert refused(f"paths[0]{name}", paths=[path]) == message


def test_an_error_says_which_path() -> None:
    assert refused("paths[2].source", paths=[{"source": "a"}, {"source": "b"}, {"source": "\n"}])


@pytest.mark.parametrize(
    ("destinations", "root"),
    [(["/x/a", "/y"], "/"), (["a", "b/c"], "."), (["/a", "b"], None), (["/a", None], None), ([None], None)],
)
def test_a_destination_root_that_the_paths_tell(destinations: list[str | None], root: str | None) -> None:
    paths = [{"source": "a", "destination": destination} for destination in destinations]
    if root is None:
        assert refused("destination_root", paths=paths, destination_root=None) == "is missing"
    else:
        with made(paths=paths, destination_root=None).prepare("ascp") as invocation:
            assert invocation.argv[-2:] == ["--", root]


def test_the_list_has_a_destination_for_each_source() -> None:
    names = ["-dash", "#hash", " space ", "a:b", "tab\there", "caf\udce9", "Übersicht", "d/e/", "/f//g", "bell\x07"]
    paths = [{"source": name} for name in names] + [{"source": "x", "destination": "y/-z"}]
    assert listed(made(paths=paths)) == (
        "--file-pair-list",
        b"-dash\n-dash\n#hash\n#hash\n space \n space \na:b\na:b\ntab\there\ntab\there\ncaf\xe9\ncaf\xe9\n"
        b"\xc3\x9cbersicht\n\xc3\x9cbersicht\nd/e/\ne\n/f//g\ng\nbell\x07\nbell\x07\nx\ny/-z\n",
    )


@pytest.mark.parametrize("source", ["/", ".", "..", "a/..", "./", "//"])
def test_a_source_without_a_name_needs_a_destination(source: str) -> None:
    spec = made(paths=[{"source": "a"}, {"source": source}])
    with pytest.raises(SpecError, match=r"paths\[1\].destination: is missing"), spec.prepare("ascp"):
        raise AssertionError("not reached")
    assert listed(made(paths=[{"source": source, "destination": "x"}]))[1] == f"{source}\nx\n".encode()


def test_many_paths() -> None:
    paths = [{"source": f"/data/{number:06}"} for number in range(100_000)]
    spec = made(paths=paths)
    with spec.prepare("ascp") as invocation:
        assert len(invocation.argv) == 6
    option, content = listed(spec)
    assert option == "--file-pair-list"
    assert content.split(b"\n")[199_998:] == [b"/data/099999", b"099999", b""]


def test_many_paths_are_counted_in_repr() -> None:
    assert "paths=<1,000 paths>" in repr(made(paths=[{"source": "a"}] * 1000))
    assert "paths=(PathPair(source='/d/a', destination=None),)" in repr(made())
