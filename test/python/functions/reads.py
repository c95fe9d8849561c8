# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""Functions that read prod/db, one a handler, each in one of the ways that functions in
Python do. They answer with the value, which no function of yours should, and with how the
extension came by it."""

import json
import os
import urllib.parse
import urllib.request


def ask(path, **query):
    """Asks the extension."""
    port = os.environ["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"]
    request = urllib.request.Request(
        f"http://localhost:{port}{path}?{urllib.parse.urlencode(query)}",
        headers={"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]},
    )
    with urllib.request.urlopen(request) as answer:
        return answer.headers["X-Cache"], json.load(answer)


def plain(event, context):
    """Uses the standard library alone."""
    cache, secret = ask("/secretsmanager/get", secretId="prod/db")
    _, parameter = ask("/systemsmanager/parameters/get", name="/prod/key", withDecryption="true")
    return {"value": secret["SecretString"], "parameter": parameter["Parameter"]["Value"], "cache": cache}


clients = {}


def client(service):
    import boto3  # of which the other handler has no need

    if service not in clients:
        # boto3 before 1.28 does not read the variable by itself.
        clients[service] = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    return clients[service]


def sdk(event, context):
    """Calls the server, which is asked each time."""
    secret = client("secretsmanager").get_secret_value(SecretId="prod/db")
    parameter = client("ssm").get_parameter(Name="/prod/key", WithDecryption=True)
    return {"value": secret["SecretString"], "parameter": parameter["Parameter"]["Value"]}
