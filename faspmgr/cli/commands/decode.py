"""``faspmgr decode``: messages as JSON Lines, CSV, TSV, text, or bytes again."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import click

from faspmgr.cli import options, output
from faspmgr.cli.reading import Reading
from faspmgr.cli.rendering import LEFT_OUT, MAX_DATA_BYTES, Selection, renderer
from faspmgr.cli.text import did_you_mean, printable
from faspmgr.protocol import fields
from faspmgr.protocol.events import EVENT_CLASSES


@click.command("decode")
@options.files_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "tsv", "text", "fasp"]),
    default="jsonl",
    help="jsonl (default): one JSON object a line; csv, tsv: a header, and the same columns in every row, where"
    r" tsv has \t, \r, \n and \\ for a TAB, CR, LF and backslash; text: a line for people;"
    " fasp: the messages as they are on the wire, each WRITE with its data.",
)
@click.option("--raw", is_flag=True, help="Names and texts as on the wire, instead of typed values.")
@click.option("--type", "types", metavar="TYPE,…", multiple=True, help="Only messages of these types.")
@click.option(
    "--fields", "names", metavar="NAME,…", multiple=True, help="Only these fields; 'faspmgr describe' lists them."
)
@options.reading_options
@options.jobs_option
@options.show_secrets_option
def command(
    files: tuple[str, ...],
    form: str,
    raw: bool,
    types: tuple[str, ...],
    names: tuple[str, ...],
    follow: bool,
    unwrap: str | None,
    strict: bool,
    jobs: int,
    show_secrets: bool,
) -> int:
    """Decode the messages of each FILE, or of standard input, to standard output.

    Messages are written as they arrive, live streams included. Problems go to standard error; --strict stops at the
    first one, with status 4. A byte that is no UTF-8 is shown as U+FFFD; the exact bytes of such a field are in JSON
    under "undecodable", percent-encoded.

    \b
    Example:
      faspmgr decode --type STATS --fields file,written capture.fasp
      nc -l 4000 | faspmgr decode --format text
    """
    wanted = {part.upper() for part in _parts(types)}
    raw = raw or form == "fasp"
    asked = tuple(dict.fromkeys(_field_name(part, raw) for part in _parts(names)))
    select = Selection(raw, not show_secrets, asked)
    # Types that were asked for, are unknown, and have not come yet.
    missing = {name for name in wanted if name not in EVENT_CLASSES}

    def read(source: Reading) -> None:
        nonlocal missing
        render = renderer(form, select, wanted)
        kept = MAX_DATA_BYTES if form == "fasp" else 0
        for _file, events in source.batches(functools.partial(source.make_event_reader, max_data_bytes=kept)):
            if wanted:
                events = [event for event in events if event.type.upper() in wanted]
                missing = missing and missing.difference(event.type.upper() for event in events)
            output.write_bytes(render(events))

    def read_alone(file: str) -> tuple[Reading, list[str]]:
        source = Reading((file,), unwrap=unwrap, strict=strict)
        read(source)
        return source, list(missing)

    source = Reading(files, follow=follow, unwrap=unwrap, strict=strict)
    if source.can_spread(jobs):
        from faspmgr.cli.jobs import spread  # only where it was asked for

        header = len(renderer(form, select, wanted)([]))
        for _file, left in spread(source, jobs, read_alone, lambda data: data[header:], once=LEFT_OUT):
            missing.intersection_update(left)
    else:
        read(source)
    for name in sorted(missing):  # only a hint: a newer ascp may have added the type
        click.echo(f"faspmgr: no message of type {printable(name)}{did_you_mean(name, EVENT_CLASSES)}", err=True)
    return source.status


def _parts(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _field_name(name: str, raw: bool) -> str:
    """Give the Python name of the field that the user means, or the one on the wire. A name that is similar to a known
    one is a slip; any other may be a field that a newer ascp has added. Its name on the wire may have been given in
    either way."""
    field = fields.find(name)
    if field:
        return field.wire if raw else field.name
    hint = did_you_mean(name, [*fields.BY_NAME, *fields.FIELDS])
    if hint:
        raise click.BadParameter(f"unknown field {name!r}{hint}", param_hint="--fields")
    return name if raw else fields.snake_case(name)
