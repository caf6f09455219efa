"""The management protocol without I/O, clock and logging: fields, error codes, frames, events, commands, the parser."""
