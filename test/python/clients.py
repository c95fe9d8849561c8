# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""Cases for the AWS SDK for Python, run by the Go tests beside this directory.

The environment holds what coffer dev prints. Each case uses names of its own.
"""

import os
import unittest
import urllib.error
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Versions before this one do not read AWS_ENDPOINT_URL, Debian 12's among them.
READS_ENDPOINT = (1, 28)


def client(service, **options):
    version = tuple(int(n) for n in boto3.__version__.split(".")[:2])
    if version < READS_ENDPOINT:
        options["endpoint_url"] = os.environ["AWS_ENDPOINT_URL"]
    config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 2})
    return boto3.session.Session().client(service, config=config, **options)


class Case(unittest.TestCase):
    def refused(self, code, call, **parameters):
        """Wants the call to end with the error code, and returns the error."""
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception


class SecretsManager(Case):
    def setUp(self):
        self.client = client("secretsmanager")

    def test_text_and_bytes(self):
        sm = self.client
        made = sm.create_secret(Name="Username", SecretString="MyUsername")
        got = sm.get_secret_value(SecretId="Username")
        self.assertEqual(got["SecretString"], "MyUsername")
        self.assertEqual(got["ARN"], made["ARN"])
        self.assertEqual(got["VersionStages"], ["AWSCURRENT"])
        self.assertIsNotNone(got["CreatedDate"].tzinfo)
        data = bytes(range(256))
        sm.put_secret_value(SecretId="Username", SecretBinary=data)
        self.assertEqual(sm.get_secret_value(SecretId="Username")["SecretBinary"], data)
        previous = sm.get_secret_value(SecretId=made["ARN"], VersionStage="AWSPREVIOUS")
        self.assertEqual(previous["SecretString"], "MyUsername")

    def test_text_beyond_ascii(self):
        text = 'p\u00e4ss "w\u00f6rd" \U0001f512 <&> \\ \n\t\u2028'
        self.client.create_secret(Name="unicode", SecretString=text)
        self.assertEqual(self.client.get_secret_value(SecretId="unicode")["SecretString"], text)

    def test_life_of_a_secret(self):
        sm = self.client
        sm.create_secret(Name="life", SecretString="1", Tags=[{"Key": "a", "Value": "1"}])
        sm.tag_resource(SecretId="life", Tags=[{"Key": "b", "Value": "2"}])
        sm.untag_resource(SecretId="life", TagKeys=["a"])
        sm.update_secret(SecretId="life", Description="described", SecretString="2")
        described = sm.describe_secret(SecretId="life")
        self.assertEqual(described["Description"], "described")
        self.assertEqual(described["Tags"], [{"Key": "b", "Value": "2"}])
        self.assertEqual(len(described["VersionIdsToStages"]), 2)
        sm.delete_secret(SecretId="life", RecoveryWindowInDays=7)
        self.refused("InvalidRequestException", sm.get_secret_value, SecretId="life")
        sm.restore_secret(SecretId="life")
        self.assertEqual(sm.get_secret_value(SecretId="life")["SecretString"], "2")
        sm.delete_secret(SecretId="life", ForceDeleteWithoutRecovery=True)
        self.refused("ResourceNotFoundException", sm.describe_secret, SecretId="life")

    def test_moving_a_stage(self):
        sm = self.client
        first = sm.create_secret(Name="stage", SecretString="1")["VersionId"]
        second = sm.put_secret_value(SecretId="stage", SecretString="2")["VersionId"]
        sm.update_secret_version_stage(
            SecretId="stage", VersionStage="AWSCURRENT", MoveToVersionId=first, RemoveFromVersionId=second
        )
        self.assertEqual(sm.get_secret_value(SecretId="stage")["SecretString"], "1")

    def test_pages(self):
        sm = self.client
        names = {f"pages/{n}" for n in range(7)}
        for name in names:
            sm.create_secret(Name=name, SecretString=name)
        pages = list(
            sm.get_paginator("list_secrets").paginate(
                Filters=[{"Key": "name", "Values": ["pages/"]}], PaginationConfig={"PageSize": 3}
            )
        )
        self.assertEqual([len(p["SecretList"]) for p in pages], [3, 3, 1])
        self.assertEqual({s["Name"] for p in pages for s in p["SecretList"]}, names)

    def test_repeated_call(self):
        sm, token = self.client, str(uuid.uuid4())
        call = {"Name": "again", "SecretString": "1", "ClientRequestToken": token}
        first, second = sm.create_secret(**call), sm.create_secret(**call)
        self.assertEqual((first["ARN"], first["VersionId"]), (second["ARN"], second["VersionId"]))
        self.refused("ResourceExistsException", sm.create_secret, **{**call, "SecretString": "2"})

    def test_errors_are_the_modelled_ones(self):
        sm = self.client
        with self.assertRaises(sm.exceptions.ResourceNotFoundException) as caught:
            sm.get_secret_value(SecretId="none")
        answer = caught.exception.response
        self.assertEqual(answer["Error"]["Message"], "Secrets Manager can't find the specified secret.")
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertTrue(answer["ResponseMetadata"]["RequestId"])

    def test_random_password(self):
        got = self.client.get_random_password(PasswordLength=33, ExcludeCharacters="abc")["RandomPassword"]
        self.assertEqual(len(got), 33)
        self.assertFalse(set(got) & set("abc"))


class ParameterStore(Case):
    def setUp(self):
        self.client = client("ssm")

    def test_secure_string(self):
        ssm = self.client
        put = ssm.put_parameter(Name="/my/secret", Value="Hello, world!", Type="SecureString")
        self.assertEqual(put["Version"], 1)
        got = ssm.get_parameter(Name="/my/secret", WithDecryption=True)["Parameter"]
        self.assertEqual((got["Value"], got["Type"]), ("Hello, world!", "SecureString"))
        sealed = ssm.get_parameter(Name="/my/secret")["Parameter"]["Value"]
        self.assertNotIn("Hello", sealed)

    def test_pages_by_path(self):
        ssm = self.client
        names = [f"/pages/{n:02d}" for n in range(13)]
        for name in names:
            ssm.put_parameter(Name=name, Value=name, Type="String")
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path="/pages", PaginationConfig={"PageSize": 5}
        )
        got = [p["Name"] for page in pages for p in page["Parameters"]]
        self.assertEqual(sorted(got), names)
        described = ssm.get_paginator("describe_parameters").paginate(
            ParameterFilters=[{"Key": "Path", "Values": ["/pages"]}], PaginationConfig={"PageSize": 6}
        )
        self.assertEqual(sorted(p["Name"] for page in described for p in page["Parameters"]), names)
        deleted = ssm.delete_parameters(Names=names[:10])
        self.assertEqual(sorted(deleted["DeletedParameters"]), names[:10])

    def test_history(self):
        ssm = self.client
        for n in range(3):
            ssm.put_parameter(Name="/history", Value=str(n), Type="String", Overwrite=n > 0)
        pages = ssm.get_paginator("get_parameter_history").paginate(
            Name="/history", PaginationConfig={"PageSize": 2}
        )
        self.assertEqual([p["Value"] for page in pages for p in page["Parameters"]], ["0", "1", "2"])
        self.assertEqual(ssm.get_parameter(Name="/history:2")["Parameter"]["Value"], "1")

    def test_errors_are_the_modelled_ones(self):
        ssm = self.client
        with self.assertRaises(ssm.exceptions.ParameterNotFound):
            ssm.get_parameter(Name="/none")
        ssm.put_parameter(Name="/once", Value="1", Type="String")
        with self.assertRaises(ssm.exceptions.ParameterAlreadyExists):
            ssm.put_parameter(Name="/once", Value="2", Type="String")


class KMS(Case):
    def setUp(self):
        self.client = client("kms")

    def test_encrypt_and_decrypt(self):
        kms = self.client
        key = kms.create_key(Description="python")["KeyMetadata"]
        self.assertEqual(key["KeyState"], "Enabled")
        sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"Top Secret", EncryptionContext={"a": "1"})
        opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"a": "1"})
        self.assertEqual((opened["Plaintext"], opened["KeyId"]), (b"Top Secret", key["Arn"]))
        with self.assertRaises(kms.exceptions.InvalidCiphertextException):
            kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"a": "2"})

    def test_data_keys(self):
        kms = self.client
        kms.create_alias(AliasName="alias/data", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
        made = kms.generate_data_key(KeyId="alias/data", NumberOfBytes=48)
        self.assertEqual(len(made["Plaintext"]), 48)
        self.assertEqual(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"], made["Plaintext"])
        made = kms.generate_data_key_without_plaintext(KeyId="alias/data", KeySpec="AES_128")
        self.assertNotIn("Plaintext", made)
        self.assertEqual(len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]), 16)

    def test_pages(self):
        kms = self.client
        ids = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(4)}
        pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
        self.assertLessEqual(ids, {k["KeyId"] for page in pages for k in page["Keys"]})
        key = ids.pop()
        for n in range(3):
            kms.create_alias(AliasName=f"alias/pages/{n}", TargetKeyId=key)
        pages = kms.get_paginator("list_aliases").paginate(KeyId=key, PaginationConfig={"PageSize": 2})
        names = [a["AliasName"] for page in pages for a in page["Aliases"]]
        self.assertEqual(names, [f"alias/pages/{n}" for n in range(3)])
        kms.delete_alias(AliasName="alias/pages/0")
        self.refused("NotFoundException", kms.describe_key, KeyId="alias/pages/0")


class Identity(Case):
    def test_caller(self):
        got = client("sts").get_caller_identity()
        self.assertEqual(got["Arn"], f"arn:aws:iam::{got['Account']}:root")

    def test_wrong_secret_key(self):
        wrong = {"aws_secret_access_key": "wrong", "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"]}
        self.refused("InvalidSignatureException", client("secretsmanager", **wrong).list_secrets)
        self.refused("InvalidSignatureException", client("ssm", **wrong).describe_parameters)
        self.refused("InvalidSignatureException", client("kms", **wrong).list_keys)
        self.refused("SignatureDoesNotMatch", client("sts", **wrong).get_caller_identity)

    def test_unknown_access_key(self):
        unknown = {"aws_secret_access_key": "wrong", "aws_access_key_id": "AKIAUNKNOWNUNKNOWN00"}
        self.refused("UnrecognizedClientException", client("kms", **unknown).list_keys)
        self.refused("InvalidClientTokenId", client("sts", **unknown).get_caller_identity)

    def test_presigned_url(self):
        # Without HttpMethod, boto3 signs what it would send itself, which is a POST.
        for method, body in ("GET", None), ("POST", b""):
            url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod=method)
            with urllib.request.urlopen(url, data=body, timeout=60) as answer:
                self.assertIn(":root</Arn>", answer.read().decode())
        with self.assertRaises(urllib.error.HTTPError) as caught:  # the signature is of a POST
            urllib.request.urlopen(url, timeout=60)
        with caught.exception as answer:
            self.assertEqual(answer.code, 403)
            self.assertIn("<Code>SignatureDoesNotMatch</Code>", answer.read().decode())


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # older SDKs leave sockets to the collector
