"""The management protocol. No I/O, no clock, no logging: bytes and values in, values and bytes out.

What may stand here is what is true of the protocol whoever speaks it. Every fact stands once, in a table that decoding,
JSON, ``faspmgr describe`` and the documentation read::

    fields, codes               the tables of fields and error codes
    problems                    the table of deviations
    frames                      a message as text
    grammar                     lines in, messages and problems out: the one authority on what is a message
    events                      a message as a typed event, and back
    layouts                     learnt layouts: the fast way from bytes to frame and event
    speedups, _speedups.c       which twin of that way runs: the compiled one, or the one in Python
    tokenizer                   bytes in any pieces in, frames out
    parser                      bytes in any pieces in, events out
    commands                    what a manager sends

Imports go up in this list, never down.
"""
