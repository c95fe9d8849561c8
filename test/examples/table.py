# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""What is known of AWS's examples: in which order they are run, what has to be there
before each, and where a page and the server can't agree.

An example is told from the others of its page by a part of its command.
"""

from world import FUNCTION, World

SM, SSM = "secretsmanager", "ssm"


class Page:
    """The page of one operation.

    before makes what each of its examples needs, and when makes something else for
    those examples that have all words of the key in their command. change replaces what
    is in a command: a value may be a function of the world. absent has the documented
    members that the answers don't have, and leave_out parts of commands that are not
    run, each with the reason.
    """

    def __init__(self, service, name, before=None, when=None, change=None, absent=None, leave_out=None):
        self.service, self.name = service, name
        self.before, self.when = before, when or {}
        self.change, self.absent, self.leave_out = change or {}, absent or {}, leave_out or {}

    def left_out(self, example):
        """Why the example is not run, or None."""
        return next((why for part, why in self.leave_out.items() if part in example.words), None)

    def prepare(self, world, example):
        """Makes what the example needs."""
        matching = [make for key, make in self.when.items() if all(w in example.words for w in key.split())]
        make = matching[-1] if matching else self.before
        if make:
            make(world)

    def command(self, world, example):
        """The command to run."""
        text = example.command
        for old, new in self.change.items():
            text = text.replace(old, new(world) if callable(new) else new)
        return text


def key(world):
    """The ARN of a KMS key."""
    return world.key


DOCUMENTED_KEY = "arn:aws:kms:us-west-2:123456789012:key/EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"
# The page's ARN has an account number of 13 digits.
DOCUMENTED_FUNCTION = "arn:aws:lambda:us-west-2:1234566789012:function:SecretsManagerTestRotationLambda"

OTHER_RESOURCE = "about a resource of Systems Manager that is no parameter"

PAGES = [
    Page(SM, "create-secret", before=World.no_secret),
    Page(SM, "get-secret-value", before=World.two_versions),
    Page(SM, "batch-get-secret-value", before=World.other_secrets),
    Page(SM, "put-secret-value", before=World.secret),
    Page(SM, "update-secret", before=World.secret, change={DOCUMENTED_KEY: key}),
    Page(SM, "list-secret-version-ids", before=World.read_secret),
    Page(
        SM,
        "update-secret-version-stage",
        before=World.three_versions,
        when={"STAGINGLABEL1 --remove-from-version-id": World.labelled_version},
    ),
    Page(SM, "describe-secret", before=World.whole_secret),
    Page(
        SM,
        "list-secrets",
        before=World.other_secrets,
        # By AWS's guide a filter for names is their beginning, which is not what this page's finds.
        change={'Values="Test"': 'Values="MyTest"'},
        leave_out={"owning-service": "only AWS's services own secrets"},
    ),
    Page(SM, "tag-resource", before=World.secret),
    Page(SM, "untag-resource", before=World.tagged_secret),
    Page(SM, "validate-resource-policy"),
    Page(SM, "put-resource-policy", before=World.secret),
    Page(SM, "get-resource-policy", before=World.secret_with_policy),
    Page(SM, "delete-resource-policy", before=World.secret_with_policy),
    Page(
        SM,
        "rotate-secret",
        before=World.rotated_database_secret,
        when={"--rotation-lambda-arn": World.database_secret},
        change={DOCUMENTED_FUNCTION: FUNCTION},
    ),
    Page(SM, "cancel-rotate-secret", before=World.rotated_secret),
    Page(SM, "replicate-secret-to-regions", before=World.secret),
    Page(SM, "remove-regions-from-replication", before=World.replicated_secret),
    Page(
        SM,
        "stop-replication-to-replica",
        before=World.replicated_secret,
        change={"aws secretsmanager": "aws --region eu-west-3 secretsmanager"},  # "from within the replica region"
    ),
    Page(SM, "get-random-password"),
    Page(SM, "delete-secret", before=World.secret),
    Page(SM, "restore-secret", before=World.deleted_secret),
    Page(
        SSM,
        "put-parameter",
        before=World.no_parameter,
        when={
            "MyStringParameter": lambda world: world.parameter("MyStringParameter"),
            "MyConvertedParameter": lambda world: world.parameter("MyConvertedParameter"),
            "q2accesskey": World.no_parameter,
            "--overwrite q2accesskey": World.payroll,
        },
        change={"2020-06-30T00:00:00.000Z": "2100-06-30T00:00:00.000Z"},  # a parameter that expires in the past is refused
    ),
    Page(
        SSM,
        "get-parameter",
        before=World.all_kinds,
        when={
            "MyParameter:2": lambda world: world.parameter("MyParameter"),
            "MyParameter:label": World.labelled_parameter,
        },
    ),
    Page(
        SSM,
        "get-parameters",
        before=World.all_kinds,
        leave_out={"aws ssm get-parameter ": "the page shows the answer to another command"},
    ),
    Page(SSM, "get-parameters-by-path", before=World.hierarchy),
    Page(SSM, "get-parameter-history", before=lambda world: world.parameter("MyStringParameter")),
    Page(SSM, "describe-parameters", before=World.all_kinds),
    Page(SSM, "label-parameter-version", before=lambda world: world.parameter("MyStringParameter")),
    Page(
        SSM,
        "unlabel-parameter-version",
        before=World.parameter_with_labels,
        change={'--parameter-version "version"': "--parameter-version 2"},  # the page has no number
    ),
    Page(
        SSM,
        "add-tags-to-resource",
        before=lambda world: world.parameter("My-Parameter"),
        leave_out={"MaintenanceWindow": OTHER_RESOURCE, '"Document"': OTHER_RESOURCE},
    ),
    Page(SSM, "list-tags-for-resource", leave_out={"PatchBaseline": OTHER_RESOURCE}),
    Page(SSM, "remove-tags-from-resource", leave_out={"PatchBaseline": OTHER_RESOURCE}),
    Page(SSM, "delete-parameters", before=lambda world: world.parameter("MyFirstParameter", "MySecondParameter")),
    Page(SSM, "delete-parameter", before=lambda world: world.parameter("MyParameter")),
]

# Operations of which AWS has no page with examples.
WITHOUT_EXAMPLES = {(SSM, "put-resource-policy"), (SSM, "get-resource-policies"), (SSM, "delete-resource-policy")}
