# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

"""The runtime of functions in Python: it imports the handler that _HANDLER names, and runs
it for one event after the other of Lambda's Runtime API."""

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

env = os.environ


def call(method, route, body=None, headers={}):
    """Calls the Runtime API. A wait for an event has no time limit."""
    connection = http.client.HTTPConnection(env["AWS_LAMBDA_RUNTIME_API"])
    try:
        connection.request(method, "/2018-06-01/runtime/" + route, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def report(route, kind, err, request_id=""):
    """Tells what went wrong, in the log and to Lambda."""
    problem = {
        "errorMessage": str(err),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": traceback.format_list(f for f in traceback.extract_tb(err.__traceback__) if f.filename != __file__),
    }
    print(f"[ERROR] {kind}: {err}\n" + "".join(problem["stackTrace"]), file=sys.stderr, end="")
    call("POST", route, json.dumps(problem), {"Lambda-Runtime-Function-Error-Type": kind})


def load(name):
    """Returns the function that a handler such as lib/app.lambda_handler names."""
    module, dot, attribute = name.rpartition(".")
    try:
        if not dot:
            raise NamedError("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
        found = importlib.import_module(module.replace("/", "."))
        return getattr(found, attribute)
    except ImportError as err:
        raise NamedError("Runtime.ImportModuleError", f"Unable to import module '{module}': {err}") from err
    except SyntaxError as err:
        raise NamedError("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {err}") from err
    except AttributeError as err:
        if attribute in str(err):
            raise NamedError("Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module}'") from err
        raise


class NamedError(Exception):
    """An error with a type of Lambda's."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def kind_of(err):
    return err.kind if isinstance(err, NamedError) else type(err).__name__


class Context:
    """What a handler is told of its invocation."""

    identity = client_context = None

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = env["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = env["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = env["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = env["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))


def run(handler, event, context):
    result = handler(json.loads(event), context)
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except (TypeError, ValueError) as err:
        raise NamedError("Runtime.MarshalError", f"Unable to marshal response: {err}") from err


def work(handler):
    """Serves events. Lambda ends it."""
    while True:
        status, headers, event = call("GET", "invocation/next")
        if status != 200:
            sys.exit(1)
        context = Context(headers)
        env["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
        base = f"invocation/{context.aws_request_id}/"
        try:
            call("POST", base + "response", run(handler, event, context))
        except Exception as err:
            report(base + "error", kind_of(err), err, context.aws_request_id)


def main():
    env["AWS_EXECUTION_ENV"] = "AWS_Lambda_python%d.%d" % sys.version_info[:2]
    sys.path[0] = env["LAMBDA_TASK_ROOT"]
    logging.basicConfig(stream=sys.stdout, format="[%(levelname)s]\t%(message)s")
    try:
        handler = load(env["_HANDLER"])
    except Exception as err:
        report("init/error", kind_of(err), err)
        sys.exit(1)
    if env["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start":
        call("GET", "restore/next")
    for _ in range(int(env.get("AWS_LAMBDA_MAX_CONCURRENCY", 1)) - 1):
        if os.fork() == 0:
            break
    work(handler)


main()
