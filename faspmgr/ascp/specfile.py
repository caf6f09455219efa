"""Transfer specs as they come from outside: JSON text, what servers wrap around a spec, older names of properties.

A line of code may stand here if it is about the form of a spec. What a property may be stands in its row, in spec.py.
No value is ever shown in an error, as it may be a secret in the wrong place; names are shown, cut and escaped.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from faspmgr.arguments import nearest
from faspmgr.ascp.properties import shown_name, type_name
from faspmgr.errors import SpecError

ALIASES: Mapping[str, str] = MappingProxyType(
    {"overwrite_policy": "overwrite", "content_protection_passphrase": "content_protection_password"}
)
"""Older names of properties, from the vendor's COS library, and their names today."""

# fmt: off
IGNORED = frozenset({
    "authentication", "cipher_allowed", "lock_min_rate", "lock_min_rate_kbps", "lock_rate_policy", "lock_target_rate",
    "lock_target_rate_kbps", "min_rate_cap_kbps", "rate_policy_allowed", "target_rate_cap_kbps", "title",
    "wss_enabled", "wss_port",
})
# fmt: on
"""Properties that servers send for the vendor's other clients: limits of their windows, other transports, a title."""


def decode_json(data: str | bytes) -> Mapping[str, Any]:
    """Decode the JSON text of a transfer spec, UTF-8 if it is bytes.

    Raises:
        SpecError: the text is invalid JSON, is not an object, or gives a property twice.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except SpecError:
        raise
    except json.JSONDecodeError as error:  # its text would show what stands there
        raise SpecError("transfer spec", f"invalid JSON: line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        problem = "invalid JSON: not UTF-8, nested too deeply, or a number with too many digits"
        raise SpecError("transfer spec", problem) from None
    if not isinstance(value, Mapping):
        raise SpecError("transfer spec", f"must be an object, not {type_name(value)}")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise SpecError(shown_name(key), "is given twice")
        found[key] = value
    return found


def _constant(word: str) -> Any:
    raise SpecError("transfer spec", f"invalid JSON: {word} is not a number in JSON")


def property_values(data: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The properties of an object that are set, by their names of today.

    Args:
        data: an object as the vendor's documents and servers have it, wrapped or not.
        known: the names of all properties.

    Returns:
        The values by name. Those of IGNORED properties are together under ``ignored``.

    Raises:
        SpecError: a property is unknown, or given under two names; the object is wrapped in another way than known, or
            is a server's refusal.
    """
    values: dict[str, Any] = {"ignored": {}}
    for key, value in _unwrap(data).items():
        if value is None:
            continue
        if key in IGNORED:
            values["ignored"][key] = value
            continue
        name = ALIASES.get(key, key)
        if name not in known:
            close = nearest(key, known) if isinstance(key, str) else None
            hint = f"; did you mean {close}?" if close else ""
            raise SpecError(shown_name(key), f"unknown property{hint}")
        if name in values:
            raise SpecError(key, f"is another name of {name}, which is set too")
        values[name] = value
    return values


def _unwrap(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object with the properties, out of ``{"transfer_specs": [{"transfer_spec": {…}}]}`` and parts of that."""
    if "transfer_specs" in data:
        specs = data["transfer_specs"]
        if not isinstance(specs, list) or len(specs) != 1:
            found = len(specs) if isinstance(specs, list) else type_name(specs)
            raise SpecError("transfer_specs", f"must be a list of one transfer, not {found}")
        data = specs[0]
    if isinstance(data, Mapping) and "error" in data:
        error = data["error"]
        reason = error.get("user_message") or error.get("reason") if isinstance(error, Mapping) else None
        reason = shown_name(reason) if reason else "no reason given"
        raise SpecError("error", f"the server refused the transfer: {reason}")
    if isinstance(data, Mapping) and "transfer_spec" in data:
        data = data["transfer_spec"]
    if not isinstance(data, Mapping):
        raise SpecError("transfer_spec", f"must be an object, not {type_name(data)}")
    return data
