# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""Runs the examples of AWS's help pages against the server that the environment names.

For each operation of Secrets Manager and Parameter Store it takes the examples from the
aws command that is installed, runs them as they are written, and holds the answers to
the documented form. Usage: run.py MODELS, the directory of AWS's models as JSON. It
ends with status 1 if an example fails, and 77 if there are no pages.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

import form
import pages
import table
from world import World

# Versions before these do not read AWS_ENDPOINT_URL.
READS_ENDPOINT = {1: 29, 2: 13}
WITH_ENDPOINT = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }\n'
PATIENCE = 120  # seconds for one command: more than any needs


def main(models):
    found = pages.directory()
    if found is None:
        print("the aws command, or its pages with examples, were not found")
        return 77
    runner = Runner(models, found)
    runner.check_table()
    for page in table.PAGES:
        runner.run_page(page)
    for name, count in runner.counts.items():
        print(f"{count} {name}")
    return 1 if runner.counts["failed"] else 0


class Runner:
    def __init__(self, models, directory):
        self.directory = directory
        self.models = {s: load(os.path.join(models, s + ".json")) for s in (table.SM, table.SSM)}
        self.world = World()
        self.prelude = "" if reads_endpoint() else WITH_ENDPOINT
        self.counts = {"ran": 0, "left out": 0, "without a page": 0, "failed": 0}

    def check_table(self):
        """Wants the table to have every operation of the models once, and no other."""
        names = [(p.service, p.name) for p in table.PAGES] + list(table.WITHOUT_EXAMPLES)
        known = {(s, dashed(o)) for s, model in self.models.items() for o in model["operations"]}
        self.note_all("the table", [f"{n} is no operation, or is there twice" for n in names if names.count(n) > 1 or n not in known])
        self.note_all("the table", [f"{n} is missing" for n in known.difference(names)])
        self.note_all("the table", [f"{n} has a page" for n in table.WITHOUT_EXAMPLES if self.examples(*n)])

    def examples(self, service, name):
        path = os.path.join(self.directory, service, name + ".rst")
        return pages.read(path) if os.path.exists(path) else []

    def run_page(self, page):
        examples = self.examples(page.service, page.name)
        if not examples:
            self.counts["without a page"] += 1
            print(f"{page.service} {page.name}: the installed CLI has no examples of it")
        for n, example in enumerate(examples, 1):
            title = f"{page.service} {page.name} {n}"
            why = page.left_out(example)
            if why:
                self.counts["left out"] += 1
                print(f"{title} is left out: {why}")
            else:
                self.run(title, page, example)

    def run(self, title, page, example):
        """Runs one example, and holds its answer to the page."""
        self.counts["ran"] += 1
        try:
            page.prepare(self.world, example)
        except Exception as e:  # whatever it is, it is of this example
            self.note_all(title, [f"could not be prepared: {e}"])
            return
        r = self.shell(page, example)
        if r.returncode != 0:
            self.note_all(title, [f"status {r.returncode}: {r.stderr.strip() or r.stdout.strip()}"])
            return
        wrong = list(self.compare(page, example, r.stdout.strip()))
        self.note_all(title, wrong)
        if not wrong:
            print(f"{title} is as documented")

    def shell(self, page, example):
        with tempfile.TemporaryDirectory() as directory:
            for name, contents in example.files.items():
                with open(os.path.join(directory, os.path.basename(name)), "w", encoding="utf-8") as f:
                    f.write(contents)
            command = ["sh", "-c", self.prelude + page.command(self.world, example)]
            return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE)

    def compare(self, page, example, output):
        """What is wrong with the output, as lines."""
        if example.output == "" or (example.output is None and output == ""):
            return ["printed something:\n" + output] if output else []
        try:
            got = json.loads(output)
        except ValueError:
            return ["did not print JSON:\n" + output]
        want = {} if example.output is None else pages.documented(example.output)
        model = self.models[page.service]
        operation = next(o for name, o in model["operations"].items() if dashed(name) == page.name)
        shape = None if "--query" in example.words else operation["output"]
        return form.differences(model, shape, want, got, page.absent)

    def note_all(self, title, lines):
        if lines:
            self.counts["failed"] += 1
        for line in lines:
            print(f"{title} FAILED: {line}")


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def dashed(operation):
    """The operation's name as the CLI has it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", operation).lower()


def reads_endpoint():
    told = subprocess.run(["aws", "--version"], capture_output=True, text=True)
    major, minor = re.search(r"aws-cli/(\d+)\.(\d+)", told.stdout + told.stderr).groups()
    return int(minor) >= READS_ENDPOINT.get(int(major), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
