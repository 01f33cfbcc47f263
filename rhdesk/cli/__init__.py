"""The command line: `rhdesk COMMAND`. Every module here holds commands that belong together, loaded on first use.

A stable contract: results on standard output, everything else on standard error; `--json` wherever data comes out;
exit code 0 for done, 1 for failed, 2 for bad usage.
"""
