"""The command line: options in, library call, output."""
