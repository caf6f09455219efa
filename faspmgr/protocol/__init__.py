"""The management protocol. No I/O, no clock, no logging: bytes and values in, values and bytes out.

Every fact is in one table, which decoding, JSON, ``faspmgr describe`` and the documentation read::

    fields, codes               the tables of fields and error codes
    problems                    the table of deviations
    frames                      a message as text
    grammar                     lines in, messages and problems out: the one authority on what is a message
    events                      a message as a typed event, and back
    layouts                     cached layouts: the fast path from bytes to frame and event
    speedups, _speedups.c       the accelerator of that path, and the fallback
    tokenizer                   bytes in any pieces in, frames out
    parser                      bytes in any pieces in, events out
    commands                    messages that a manager sends

Imports go up in this list, never down.
"""
