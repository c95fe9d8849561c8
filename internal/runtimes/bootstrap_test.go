// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package runtimes_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/runtimes"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

// hosted is a function in a host.
type hosted struct {
	*lambdahost.Host
	t *testing.T

	mu  sync.Mutex
	log []string
}

// host runs a function that is one file.
func host(t *testing.T, file, text string, change ...func(*lambdahost.Config)) *hosted {
	t.Helper()
	program := "node"
	if strings.HasSuffix(file, ".py") {
		program = "python3"
	}
	testneed.Program(t, program)
	f := runtimes.Function{Path: write(t, map[string]string{file: text})}
	p, err := f.Prepare(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &hosted{t: t}
	cfg := lambdahost.Config{
		Function: p.Process, Handler: p.Handler, FunctionName: "orders", MemoryMB: 256, Timeout: time.Minute, InitTimeout: time.Minute,
		Output: func(_, line string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.log = append(h.log, line)
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	if h.Host, err = lambdahost.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *hosted) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.log, "\n")
}

// invoke wants a response with these members, or an error document with them.
func (h *hosted) invoke(event, errorType string, want map[string]any) {
	h.t.Helper()
	res, err := h.Invoke(h.t.Context(), []byte(event))
	if err != nil {
		h.t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(res.Payload, &all); err != nil {
		h.t.Fatalf("%s: %v\n%s", res.Payload, err, h.logged())
	}
	got := map[string]any{}
	for name := range want {
		if members, ok := all.(map[string]any); ok {
			got[name] = members[name]
		} else {
			got[name] = all // which is no object
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || res.ErrorType != errorType {
		h.t.Errorf("event %s: error type %q, payload (-want +got):\n%s%s\n%s", event, res.ErrorType, diff, res.Payload, h.logged())
	}
}

func TestNodeHandlers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text string }{
		"an async function":        {"index.mjs", `export const handler = async (event) => ({ got: event.a });`},
		"a promise":                {"index.mjs", `export const handler = (event) => Promise.resolve({ got: event.a });`},
		"CommonJS":                 {"index.js", `exports.handler = async (event) => ({ got: event.a });`},
		"CommonJS's other form":    {"index.cjs", `const h = {}; h.handler = async (event) => ({ got: event.a }); module.exports = h;`},
		"a default export":         {"index.mjs", `export default { handler: async (event) => ({ got: event.a }) };`},
		"a callback":               {"index.js", `exports.handler = (event, context, callback) => callback(null, { got: event.a });`},
		"a callback later":         {"index.js", `exports.handler = (event, context, callback) => { setTimeout(() => callback(null, { got: event.a }), 5); };`},
		"what is done before":      {"index.js", `exports.handler = (event, context, callback) => { const r = { got: 0 }; callback(null, r); setTimeout(() => { r.got = event.a; }, 5); };`},
		"no wait for what is left": {"index.js", `exports.handler = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); callback(null, { got: event.a }); };`},
		"context.done":             {"index.js", `exports.handler = (event, context) => context.done(null, { got: event.a });`},
		"context.succeed":          {"index.js", `exports.handler = (event, context) => context.succeed({ got: event.a });`},
		"a promise at load":        {"index.mjs", `const a = await Promise.resolve(7); export const handler = async () => ({ got: a });`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, c.file, c.text)
			for range 2 {
				h.invoke(`{"a": 7}`, "", map[string]any{"got": 7.0})
			}
		})
	}
}

func TestNodeHandlersThatNeverAnswer(t *testing.T) {
	t.Parallel()
	h := host(t, "index.js", `exports.handler = () => 7;`)
	for range 2 {
		h.invoke(`{}`, "", map[string]any{"all": nil})
	}
	h = host(t, "index.mjs", `export const handler = () => new Promise(() => {});`)
	h.invoke(`{}`, lambdahost.TypeRuntimeExit, map[string]any{"errorType": lambdahost.TypeRuntimeExit})
}

func TestNodeErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text, errorType, message string
	}{
		"thrown":                 {"index.mjs", `export const handler = async () => { throw new TypeError("bad"); };`, "TypeError", "bad"},
		"thrown at once":         {"index.js", `exports.handler = () => { throw new TypeError("bad"); };`, "TypeError", "bad"},
		"called back":            {"index.js", `exports.handler = (e, c, callback) => callback(new RangeError("bad"));`, "RangeError", "bad"},
		"context.fail":           {"index.js", `exports.handler = (e, c) => c.fail(new RangeError("bad"));`, "RangeError", "bad"},
		"not an Error":           {"index.mjs", `export const handler = async () => { throw "bad"; };`, "string", "bad"},
		"not caught":             {"index.mjs", `export const handler = () => new Promise(() => setTimeout(() => { throw new Error("bad"); }, 1));`, "Error", "bad"},
		"no handler":             {"index.mjs", `export const other = 1;`, "Runtime.HandlerNotFound", "index.handler is undefined or not exported"},
		"a syntax error":         {"index.mjs", `export const handler = ;`, "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"},
		"thrown at load":         {"index.mjs", `throw new RangeError("bad");`, "RangeError", "bad"},
		"what can't be answered": {"index.mjs", `export const handler = async () => 1n;`, "TypeError", "Do not know how to serialize a BigInt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, c.file, c.text)
			h.invoke(`{}`, c.errorType, map[string]any{"errorType": c.errorType, "errorMessage": c.message})
			if strings.Contains(h.logged(), "bootstrap.mjs:") {
				t.Errorf("the log tells of the runtime's own frames:\n%s", h.logged())
			}
		})
	}
	h := host(t, "index.mjs", `import "no-such-package"; export const handler = 1;`)
	res, err := h.Invoke(t.Context(), []byte(`{}`))
	if err != nil || res.ErrorType != "Runtime.ImportModuleError" || !strings.Contains(string(res.Payload), "no-such-package") {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestAnErrorOfNodeDoesNotEndTheEnvironment(t *testing.T) {
	t.Parallel()
	h := host(t, "index.mjs", `let n = 0; export const handler = async () => { if (n++ === 0) throw new Error("bad"); return { n }; };`)
	h.invoke(`{}`, "Error", map[string]any{"errorMessage": "bad"})
	h.invoke(`{}`, "", map[string]any{"n": 2.0})
}

func TestPythonHandlers(t *testing.T) {
	t.Parallel()
	h := host(t, "lambda_function.py", `
import logging, os, sys
logging.getLogger().setLevel(logging.INFO)

def lambda_handler(event, context):
    if event.get("fail"):
        raise ValueError("bad")
    if event.get("set"):
        return {1, 2}
    if event.get("exit"):
        os._exit(3)
    logging.info("said %s", event["a"])
    return {"got": event["a"], "ü": "ü"}
`)
	h.invoke(`{"a": 7}`, "", map[string]any{"got": 7.0, "ü": "ü"})
	if res, err := h.Invoke(t.Context(), []byte(`{"a": 7}`)); err != nil || !strings.Contains(string(res.Payload), "ü") {
		t.Errorf("%+v, %v: letters are to be as they are", res, err)
	}
	h.invoke(`{"fail": 1}`, "ValueError", map[string]any{"errorType": "ValueError", "errorMessage": "bad"})
	h.invoke(`{"set": 1}`, "Runtime.MarshalError", map[string]any{"errorMessage": "Unable to marshal response: Object of type set is not JSON serializable"})
	h.invoke(`{"exit": 1}`, lambdahost.TypeRuntimeExit, map[string]any{"errorType": lambdahost.TypeRuntimeExit})
	h.invoke(`{"a": 8}`, "", map[string]any{"got": 8.0})
	for _, want := range []string{"[INFO]\tsaid 7", "[ERROR] ValueError: bad", "lambda_function.py\", line 7"} {
		if !strings.Contains(h.logged(), want) {
			t.Errorf("no %q in the log:\n%s", want, h.logged())
		}
	}
	if strings.Contains(h.logged(), "bootstrap.py\"") {
		t.Errorf("the log tells of the runtime's own frames:\n%s", h.logged())
	}
}

func TestPythonErrorsAtLoad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, errorType, message string }{
		"no module":      {"import no_such_module", "Runtime.ImportModuleError", "Unable to import module 'lambda_function': No module named 'no_such_module'"},
		"no handler":     {"x = 1", "Runtime.HandlerNotFound", "Handler 'lambda_handler' missing on module 'lambda_function'"},
		"a syntax error": {"def", "Runtime.UserCodeSyntaxError", "Syntax error in module 'lambda_function': invalid syntax (lambda_function.py, line 1)"},
		"raised":         {"raise KeyError('bad')", "KeyError", "'bad'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host(t, "lambda_function.py", c.text).invoke(`{}`, c.errorType, map[string]any{"errorType": c.errorType, "errorMessage": c.message})
		})
	}
}

// contexts are functions that answer with what they are told of their invocation.
var contexts = map[string]string{
	"index.mjs": `export const handler = async (event, context) => ({
  name: context.functionName, version: context.functionVersion, memory: context.memoryLimitInMB, arn: context.invokedFunctionArn,
  id: context.awsRequestId.length, group: context.logGroupName, stream: context.logStreamName.length > 0,
  left: context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 60000,
  trace: process.env._X_AMZN_TRACE_ID.startsWith("Root="), runs: process.env.AWS_EXECUTION_ENV.startsWith("AWS_Lambda_nodejs"), in: process.env.LAMBDA_TASK_ROOT === process.cwd(),
});`,
	"lambda_function.py": `
import os
def lambda_handler(event, context):
    return {
        "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
        "id": len(context.aws_request_id), "group": context.log_group_name, "stream": len(context.log_stream_name) > 0,
        "left": 0 < context.get_remaining_time_in_millis() <= 60000,
        "trace": os.environ["_X_AMZN_TRACE_ID"].startswith("Root="), "runs": os.environ["AWS_EXECUTION_ENV"].startswith("AWS_Lambda_python"), "in": os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
    }
`,
}

func TestTheContext(t *testing.T) {
	t.Parallel()
	for file, text := range contexts {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			host(t, file, text).invoke(`{}`, "", map[string]any{
				"name": "orders", "version": "$LATEST", "memory": "256", "arn": "arn:aws:lambda:us-east-1:000000000000:function:orders",
				"id": 36.0, "group": "/aws/lambda/orders", "stream": true, "left": true, "trace": true, "runs": true, "in": true,
			})
		})
	}
}

// meetings are functions that answer when two invocations are under way at once.
var meetings = map[string]string{
	"index.mjs": `import { existsSync, writeFileSync } from "node:fs";
export const handler = async (event) => {
  writeFileSync(event.me, "");
  while (!existsSync(event.other)) await new Promise((resolve) => setTimeout(resolve, 1));
  return { met: true };
};`,
	"lambda_function.py": `
import os, time
def lambda_handler(event, context):
    open(event["me"], "w").close()
    while not os.path.exists(event["other"]):
        time.sleep(0.001)
    return {"met": True}
`,
}

func TestManagedInstancesRunSeveralInvocationsAtOnce(t *testing.T) {
	t.Parallel()
	for file, text := range meetings {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			h := host(t, file, text, func(c *lambdahost.Config) {
				c.InitializationType, c.MaxConcurrency = lambdahost.ManagedInstances, 2
			})
			if err := h.Init(t.Context()); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for _, event := range []string{`{"me": "a", "other": "b"}`, `{"me": "b", "other": "a"}`} {
				wg.Go(func() { h.invoke(event, "", map[string]any{"met": true}) })
			}
			wg.Wait()
		})
	}
}

func TestFunctionsRunUnderSnapStart(t *testing.T) {
	t.Parallel()
	for file, text := range contexts {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			h := host(t, file, text, func(c *lambdahost.Config) { c.InitializationType = lambdahost.SnapStart })
			if err := h.Init(t.Context()); err != nil {
				t.Fatal(err)
			}
			res, err := h.Invoke(t.Context(), []byte(`{}`))
			if err != nil || res.FunctionError != "" || res.RestoreDuration == 0 {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}
