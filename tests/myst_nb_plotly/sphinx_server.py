"""Run sphinx-build for each line of standard input: tests build often, and importing MyST-NB takes seconds."""

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

if __name__ == "__main__":
    from sphinx.cmd.build import build_main

    for line in sys.stdin:
        arguments, environment = json.loads(line)
        os.environ.clear()
        os.environ.update(environment)
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = build_main(arguments)
        print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
