"""One module for each command, imported when it is called. The command is ``command`` in its module."""
