# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""Compares the form of two answers: which members they have, and of what kind.

The form of a value is a set of paths: "Tags[].Key" is a member of some element of a
list. An ARN has its service and its type of resource in its path; that of a user, a
role or a root has "principal".
"""

import re

ARN = re.compile(r"arn:[\w-]+:([\w-]+):[\w-]*:\d*:([\w-]+)")

KINDS = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "blob": str,
    "timestamp": (int, float, str),  # the CLI's versions differ
    "list": list,
    "structure": dict,
    "map": dict,
}


def differences(model, shape, documented, got, absent=()):
    """What is wrong with an answer, as lines. The shape is the name of the answer's in
    the service's model; None for the result of a query. The paths in absent, and what
    is below them, are those that the answer is known not to have."""
    found = list(strangers(model, shape, got, "")) if shape else []
    want, have = paths(documented), paths(got)
    known = {p for p in want if any(p == a or p.startswith((a + ".", a + "[", a + " (")) for a in absent)}
    found += [f"{p} is documented, and not there" for p in sorted(want - have - known)]
    found += [f"{a} is said to be absent, and is there" for a in absent if a in have]
    return found


def paths(value, at=""):
    """The paths of all that a value has within."""
    out = {at} if at else set()
    if isinstance(value, dict):
        for name, member in value.items():
            # The members of a map are data. Those of AWS's structures are in upper case,
            # and so is no id of a version.
            key = name if re.fullmatch(r"[A-Z][A-Za-z]*", name) else "{}"
            out |= paths(member, f"{at}.{key}".lstrip("."))
    elif isinstance(value, list):
        for element in value:
            out |= paths(element, at + "[]")
    elif isinstance(value, str) and ARN.match(value):
        service, kind = ARN.match(value).groups()
        out.add(f"{at} (principal)" if service in ("iam", "sts") else f"{at} ({service} {kind})")
    return out


def strangers(model, name, got, at):
    """What of an answer is not as the model has it: members it does not know, and kinds."""
    shape = model["shapes"][name]
    kind = KINDS[shape["type"]]
    if not isinstance(got, kind) or (isinstance(got, bool) and kind is not bool):
        yield f"{at or 'the answer'} is {type(got).__name__}, and should be {shape['type']}"
    elif shape["type"] == "structure":
        for member, value in got.items():
            if member not in shape["members"]:
                yield f"{at}.{member} is no member of {name}".lstrip(".")
            else:
                yield from strangers(model, shape["members"][member], value, f"{at}.{member}".lstrip("."))
    elif shape["type"] == "list":
        for value in got:
            yield from strangers(model, shape["member"], value, at + "[]")
    elif shape["type"] == "map":
        for value in got.values():
            yield from strangers(model, shape["value"], value, at + "{}")
