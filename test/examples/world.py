# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""Brings about what the examples of AWS's pages take for given.

Where an example names the id of a version, the version is made under that very id:
it is the token of the request that makes it.
"""

import os
import time

import boto3
from botocore.config import Config

SECRET, DATABASE = "MyTestSecret", "MyTestDatabaseSecret"
VERSION = "a1b2c3d4-5678-90ab-cdef-EXAMPLE{0}{0}{0}{0}{0}"
OLDEST = "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:MyTestRotationLambda"
REPLICA = "eu-west-3"
PATIENCE = 120  # seconds: more than anything takes
POLICY = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
  "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "secretsmanager:GetSecretValue"}]}"""


def client(service, **options):
    """A client of the server that the environment names."""
    config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 1})
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=config, **options)


def wait(until):
    """Waits until something holds that the server does by itself, soon after a call."""
    end = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


class World:
    """The secrets and the parameters of the examples. Each method makes one state, out
    of whatever there was before."""

    def __init__(self):
        self.secrets, self.parameters, self.kms = (client(s) for s in ("secretsmanager", "ssm", "kms"))
        self.secrets_there = client("secretsmanager", region_name=REPLICA)
        self.key = self.kms.create_key()["KeyMetadata"]["Arn"]

    # Secrets Manager

    def no_secret(self, name=SECRET):
        """Neither the secret is there, nor what was its replica."""
        if name == SECRET and self.replicas():
            self.secrets.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=[REPLICA])
        self.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        wait(lambda: self.deleted_there(name))

    def replicas(self):
        """The statuses of the secret's replicas."""
        try:
            return [r["Status"] for r in self.secrets.describe_secret(SecretId=SECRET).get("ReplicationStatus", [])]
        except self.secrets.exceptions.ResourceNotFoundException:
            return []

    def deleted_there(self, name):
        """Deletes a secret in the other region, if it is not a replica that is about to go."""
        try:
            return self.secrets_there.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        except self.secrets_there.exceptions.InvalidParameterException:
            return None

    def secret(self, name=SECRET, **members):
        self.no_secret(name)
        value = {"SecretString": "first", "ClientRequestToken": VERSION.format(2)}
        self.secrets.create_secret(Name=name, **{**value, **members})

    def two_versions(self):
        """The current version is 11111, the previous one 22222."""
        self.secret()
        self.secrets.put_secret_value(SecretId=SECRET, SecretString="second", ClientRequestToken=VERSION.format(1))

    def three_versions(self):
        """Another one, which has no label any more."""
        self.secret(ClientRequestToken=OLDEST)
        for n in 2, 1:
            self.secrets.put_secret_value(
                SecretId=SECRET, SecretString=str(n), ClientRequestToken=VERSION.format(n)
            )

    def labelled_version(self):
        self.three_versions()
        self.secrets.update_secret_version_stage(
            SecretId=SECRET, VersionStage="STAGINGLABEL1", MoveToVersionId=VERSION.format(1)
        )

    def read_secret(self):
        """All versions that have a label have been read."""
        self.two_versions()
        for stage in "AWSCURRENT", "AWSPREVIOUS":
            self.secrets.get_secret_value(SecretId=SECRET, VersionStage=stage)

    def other_secrets(self):
        """Those that a list shows beside the one secret."""
        self.secret()
        self.secret("AnotherSecret")
        for n in 1, 2, 3:
            self.secret(f"MySecret{n}")

    def tagged_secret(self):
        tags = [{"Key": "FirstTag", "Value": "1"}, {"Key": "SecondTag", "Value": "2"}]
        self.secret(Tags=tags)

    def whole_secret(self):
        """A secret that has all that a secret can have."""
        tags = [{"Key": "FirstTag", "Value": "1"}]
        rules = {"ScheduleExpression": "cron(0 16 1,15 * ? *)", "Duration": "2h"}
        self.rotated_secret(rules=rules, Description="described", KmsKeyId=self.key, Tags=tags)
        self.replicate()
        self.secrets.get_secret_value(SecretId=SECRET)

    def deleted_secret(self):
        self.secret()
        self.secrets.delete_secret(SecretId=SECRET)

    def secret_with_policy(self):
        self.secret()
        self.secrets.put_resource_policy(SecretId=SECRET, ResourcePolicy=POLICY)

    def database_secret(self):
        self.secret(DATABASE)

    def rotated_secret(self, name=SECRET, rules=None, **members):
        self.secret(name, **members)
        self.secrets.rotate_secret(
            SecretId=name, RotationLambdaARN=FUNCTION, RotationRules=rules or {"AutomaticallyAfterDays": 2}
        )
        wait(lambda: "LastRotatedDate" in self.secrets.describe_secret(SecretId=name))

    def rotated_database_secret(self):
        self.rotated_secret(DATABASE)

    def replicated_secret(self):
        self.secret()
        self.replicate()

    def replicate(self):
        self.secrets.replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": REPLICA}])
        wait(lambda: self.replicas() == ["InSync"])

    # Parameter Store

    def no_parameter(self):
        """None of the parameters is there, whatever its name."""
        pages = self.parameters.get_paginator("describe_parameters").paginate()
        names = [p["Name"] for page in pages for p in page["Parameters"]]
        for start in range(0, len(names), 10):
            self.parameters.delete_parameters(Names=names[start : start + 10])

    def put(self, name, value, kind="String", **members):
        self.parameters.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True, **members)

    def parameter(self, *names):
        """Parameters with two versions each."""
        self.no_parameter()
        for name in names:
            self.put(name, "Veni", Description="the first version")
            self.put(name, "Vidi", Description="the second version")

    def all_kinds(self):
        """Parameters of each type, and with policies."""
        self.no_parameter()
        self.put("MyStringParameter", "Veni", Description="a String")
        self.put("MyStringListParameter", "alpha,beta", "StringList", Description="a StringList")
        policies = """[{"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": "2100-01-01T00:00:00Z"}}]"""
        self.put("MySecureStringParameter", "secret", "SecureString", Tier="Advanced", Policies=policies)

    def hierarchy(self):
        self.no_parameter()
        for name in "marketing", "infotech":
            self.put("/site/newyork/department/" + name, "Floor 2")

    def labelled_parameter(self):
        self.parameter("MyParameter")
        self.label("MyParameter", "label")

    def parameter_with_labels(self):
        self.parameter("parameterName")
        self.label("parameterName", "label_1", "label_2", "label_3")

    def label(self, name, *labels):
        self.parameters.label_parameter_version(Name=name, Labels=list(labels))

    def payroll(self):
        self.no_parameter()
        self.put("/Finance/Payroll/q2accesskey", "secret", "SecureString")
