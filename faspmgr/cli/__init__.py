"""The command line. A line of code may stand here if it is about options, output, or the words that people read.

``main`` has the group of commands, exit statuses and what happens when a stream goes away; ``options`` and
``command_arguments`` what is read from the command line; ``reading`` the FILEs of a command, ``jobs`` several of them
at the same time, and ``interruption`` what ends that before their end; ``running`` what commands with a live transfer
share; ``playing`` what plays a stream; ``output`` and ``text`` what is written, ``rendering`` how ``decode`` writes
events, ``streams`` how to a reader who may not read; ``progress`` what is drawn; ``commands`` one thin module for each
command. What a Python program could use as well is library code and has its place in another room. Nothing imports this
one.
"""
