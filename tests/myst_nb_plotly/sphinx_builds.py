"""Build as sphinx-build does, once for each line of input: loading MyST-NB takes seconds, and tests build often."""

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO


def main():
    from sphinx.cmd.build import build_main

    for line in sys.stdin:
        arguments, environment = json.loads(line)
        os.environ.clear()
        os.environ.update(environment)
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = build_main(arguments)
        print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)


if __name__ == "__main__":
    main()
