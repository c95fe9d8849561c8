# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""Reads the examples of the AWS CLI's help pages from the CLI that is installed.

A page is reStructuredText: paragraphs, and indented blocks that are a command, the
contents of a file, or what the command prints, as the paragraph before them says.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap


class Example:
    """One example: a command as it is typed, the files it reads, and its output.

    The output is None where the page says nothing of it, and "" where the page says
    that there is none.
    """

    def __init__(self, command):
        self.command = mended_command(command)
        self.files = {}
        self.output = None

    @property
    def words(self):
        """The command in one line, for finding things in it."""
        return " ".join(self.command.replace("\\\n", " ").split())


def directory():
    """The directory of the pages of the aws command, or None."""
    aws = shutil.which("aws")
    if aws is None:
        return None
    candidates = [os.path.join(os.path.dirname(os.path.realpath(aws)), "awscli")]  # AWS's own bundle
    for python in interpreter(aws), sys.executable:
        if python:
            asked = [python, "-c", "import awscli; print(awscli.__path__[0])"]
            candidates.append(subprocess.run(asked, capture_output=True, text=True).stdout.strip())
    for candidate in candidates:
        found = os.path.join(candidate, "examples")
        if candidate and os.path.isdir(found):
            return found
    return None


def interpreter(script):
    """The Python that a script says it runs with, or None."""
    with open(script, "rb") as f:
        first = f.readline(200)
    if not first.startswith(b"#!") or b"python" not in first:
        return None
    return shutil.which(first[2:].decode().split()[-1])


def read(path):
    """The examples of a page, in its order."""
    with open(path, encoding="utf-8") as f:
        return parse(f.read())


def parse(text):
    """The examples in the text of a page."""
    examples = []
    for label, block in blocks(text):
        if label.startswith("This command produces no output"):
            examples[-1].output = ""
        contents = re.search(r"^Contents of ``(.+?)``", label)
        if block.startswith("aws "):
            examples.append(Example(block))
        elif contents:
            examples[-1].files[contents.group(1)] = block
        elif label.startswith("Output"):
            examples[-1].output = block
    return examples


def blocks(text):
    """Pairs of a paragraph and the indented block after it, which may be empty."""
    pairs, label, block = [], "", []
    for line in [*text.splitlines(), "end"]:
        if line.startswith(" ") or not line.strip():
            block.append(line)
            continue
        if label:
            pairs.append((label, textwrap.dedent("\n".join(block)).strip()))
        label, block = line, []
    return pairs


def mended_command(text):
    """The command without the slips of some pages: an option on a line of its own is of
    the command before it, and a backslash continues a line with space after it too."""
    text = re.sub(r"[ \t]+$", "", text, flags=re.M)
    return re.sub(r"(?<!\\)\n(\s*--)", r" \\\n\1", text)


def documented(text):
    """The JSON of an output. Some pages lack a comma between two lines, or have an
    ellipsis for more of the same."""
    try:
        return json.loads(text, strict=False)
    except ValueError:
        text = re.sub(r"^\s*\.\.\.\s*$", "", text, flags=re.M)
        text = re.sub(r'(["\d}\]])[ \t]*\n(\s*["{\[])', r"\1,\n\2", text)
        text = re.sub(r",(\s*[}\]])", r"\1", text)
        return json.loads(text, strict=False)
