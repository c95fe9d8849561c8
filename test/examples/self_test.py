# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""Holds the reader of pages and the comparison of forms to what they promise."""

import unittest

import form
import pages

PAGE = """**Example 1: a command**

It does this. ::

    aws things make-thing \\
        --name A \\
        --from file://a.json 

Contents of ``a.json``::

    {
      "A": 1
    }

Output::

    {
        "ARN": "arn:aws:things:us-west-2:123456789012:thing:A"
        "Parts": [
            {"Name": "a"},
            ...
        ]
    }

**Example 2: another**

    aws things drop-thing
        --name A

This command produces no output.

    aws things see-thing
"""

MODEL = {
    "shapes": {
        "Thing": {"type": "structure", "members": {"ARN": "Text", "Parts": "Parts", "When": "When", "Stages": "Map"}},
        "Parts": {"type": "list", "member": "Part"},
        "Part": {"type": "structure", "members": {"Name": "Text", "Size": "Number"}},
        "Map": {"type": "map", "key": "Text", "value": "Number"},
        "Text": {"type": "string"},
        "Number": {"type": "integer"},
        "When": {"type": "timestamp"},
    }
}
ARN = "arn:aws:things:us-west-2:123456789012:thing:A"


class Pages(unittest.TestCase):
    def test_examples_are_read(self):
        first, second, third = pages.parse(PAGE)
        self.assertEqual(first.words, "aws things make-thing --name A --from file://a.json")
        self.assertEqual(first.files, {"a.json": '{\n  "A": 1\n}'})
        self.assertEqual(pages.documented(first.output), {"ARN": ARN, "Parts": [{"Name": "a"}]})
        self.assertEqual((second.words, second.output), ("aws things drop-thing --name A", ""))
        self.assertIsNone(third.output)


class Form(unittest.TestCase):
    def differ(self, want, got, documented=None, **options):
        documented = {"ARN": ARN, "Parts": [{"Name": "a"}, {"Size": 1}]} if documented is None else documented
        self.assertEqual(form.differences(MODEL, "Thing", documented, got, **options), want)

    def test_same_form(self):
        other = ARN.replace("A", "other")
        self.differ([], {"ARN": other, "Parts": [{"Name": "b", "Size": 7}], "When": 1.5})
        self.differ([], {"Stages": {"v-1": 2}, "When": "2026-01-01"}, {"Stages": {"other": 1}, "When": 1})

    def test_what_is_missing(self):
        self.differ(["Parts[].Size is documented, and not there"], {"ARN": ARN, "Parts": [{"Name": "b"}]})
        self.differ([], {"ARN": ARN, "Parts": [{"Name": "b"}]}, absent={"Parts[].Size": "why"})
        self.differ(["Parts[].Size is said to be absent, and is there"], {"ARN": ARN, "Parts": [{"Name": "b", "Size": 1}]}, absent={"Parts[].Size": "why"})
        self.differ(["Parts[] is documented, and not there"], {"Parts": []}, {"Parts": [{}]})

    def test_what_is_strange(self):
        self.differ(["Colour is no member of Thing"], {"Colour": 1}, {})
        self.differ(["Parts[].Size is str, and should be integer"], {"Parts": [{"Size": "1"}]}, {})
        self.differ(["Parts[].Size is bool, and should be integer"], {"Parts": [{"Size": True}]}, {})
        self.differ(["Stages{} is str, and should be integer"], {"Stages": {"a": "1"}}, {})
        self.differ(["the answer is list, and should be structure"], [], {})

    def test_another_arn(self):
        self.differ(["ARN (things thing) is documented, and not there"], {"ARN": ARN.replace(":thing:", ":other:")}, {"ARN": ARN})
        self.differ([], {"ARN": "arn:aws:iam::1:root"}, {"ARN": "arn:aws:sts::1:assumed-role/a/b"})


if __name__ == "__main__":
    unittest.main()
