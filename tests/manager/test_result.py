"""How a transfer ended, as Python and as JSON."""

from __future__ import annotations

import json

from tests.live import MakeAscp
from tests.manager.transfers import run


def test_the_result_as_json(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(25)); print('oh', file=sys.stderr); sys.exit(1)")])
    shown = json.loads(json.dumps(result.to_dict()))
    assert (shown["verdict"], shown["status"], shown["error"]["name"]) == ("failed", 1, "NO_SPACE_LEFT")
    assert (shown["attempts"][0]["stderr"], shown["transfer"]["state"]) == (["oh"], "failed")


def test_the_names_of_the_json_are_those_of_the_attributes(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(stop() + DONE)")])
    promised = {"verdict", "error", "reason", "attempts", "transfer", "exit_status", "interrupted"}
    shown = result.to_dict()
    assert promised <= shown.keys()
    for name, value in shown.items():
        attribute = getattr(result, name)
        if name == "transfer":
            attribute = attribute.to_dict()
        elif name == "attempts":
            attribute = [attempt.to_dict() for attempt in attribute]
        assert value == (list(attribute) if isinstance(attribute, tuple) else attribute), name
