"""What starts ascp for a transfer spec: its command line, its environment, and its list of files while it runs.

A line of code may stand here if it decides which way a value goes to ascp. What every user of the machine can read on a
command line must not be there: passwords, keys and the token go through the environment, the names of the files
through a list in a folder that only its owner can enter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from faspmgr.ascp.lists import list_folder
from faspmgr.ascp.options import option_words, url_password
from faspmgr.ascp.paths import write_list
from faspmgr.ascp.properties import Property


@attrs.frozen
class Invocation:
    """What starts ascp for a transfer spec.

    Attributes:
        argv: the command line, the path of ascp first. No secret is in it.
        env: what is to be added to the environment, secrets among it.
        secrets: the texts that must not be shown, whatever ascp prints.
    """

    argv: list[str]
    env: dict[str, str] = attrs.field(repr=lambda env: repr(sorted(env)))
    secrets: tuple[str, ...] = attrs.field(repr=False)


@contextlib.contextmanager
def prepare(
    ascp: str, properties: Mapping[str, Property], values: Mapping[str, Any], destination: str, streaming: bool = False
) -> Iterator[Invocation]:
    """Prepare all that starts ascp, and remove the list of files at the end of the ``with`` statement.

    Args:
        ascp: the path of ascp.
        properties: every property of a spec, by name.
        values: the value of each of them, None where it is not set.
        destination: the destination on the command line, empty for none.
        streaming: whether files are streamed into the session.

    Raises:
        SpecError: a path has no destination, and its source no name of its own.
        OSError: the list of files cannot be written.
    """
    words = [ascp]
    for name, row in properties.items():
        words += row.words(values[name])

    if streaming:
        words += option_words("--faspmgr-io")

    # Some variables stand for more than one property, or for a part of one.
    proxy_password = url_password(values["proxy"] or "")
    env = {row.env: values[name] for name, row in properties.items() if row.env}
    env["ASPERA_SCP_PASS"] = values["ssh_private_key_passphrase"] or values["remote_password"]
    env["ASPERA_PROXY_PASS"] = proxy_password

    secrets = [proxy_password]
    secrets += [values[name] for name, row in properties.items() if row.secret and name != "proxy"]

    with contextlib.ExitStack() as stack:
        paths = values["paths"]
        if paths:
            # A token that is checked against the list was made for sources alone, unless a path has a destination.
            pairs = not values["token"] or any(pair.destination for pair in paths)
            list_path = stack.enter_context(list_folder())
            write_list(list_path, paths, with_destinations=pairs)
            words += option_words("--file-pair-list" if pairs else "--file-list", list_path)
        if destination:
            words += ["--", destination]
        yield Invocation(
            words,
            {variable: value for variable, value in env.items() if value},
            tuple(dict.fromkeys(secret for secret in secrets if secret)),
        )
