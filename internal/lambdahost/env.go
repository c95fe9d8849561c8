// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The names that the credentials are told by: the first three as environment
// variables of their own, the last two under SnapStart.
const (
	envAccessKeyID     = "AWS_ACCESS_KEY_ID"
	envSecretAccessKey = "AWS_SECRET_ACCESS_KEY"
	envSessionToken    = "AWS_SESSION_TOKEN"
	envCredentialsURI  = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	envCredentialsAuth = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

	envRuntimeAPI     = "AWS_LAMBDA_RUNTIME_API"
	envInitType       = "AWS_LAMBDA_INITIALIZATION_TYPE"
	envMaxConcurrency = "AWS_LAMBDA_MAX_CONCURRENCY"
	envExecWrapper    = "AWS_LAMBDA_EXEC_WRAPPER"
)

// defaultEnv is what a process has unless the function's configuration says otherwise.
func defaultEnv() map[string]string {
	return map[string]string{"PATH": os.Getenv("PATH"), "LANG": "en_US.UTF-8"}
}

// platformEnv is what Lambda tells every process, the credentials excepted.
func (c *Config) platformEnv(address string) map[string]string {
	env := map[string]string{
		"AWS_REGION":                      c.Region,
		"AWS_DEFAULT_REGION":              c.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        c.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION":     c.FunctionVersion,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.MemoryMB),
		envRuntimeAPI:                     address,
		envInitType:                       string(c.InitializationType),
		"TZ":                              ":UTC",
	}
	if c.InitializationType == ManagedInstances {
		env[envMaxConcurrency] = strconv.Itoa(c.MaxConcurrency)
	}
	return env
}

// runtimeEnv is what Lambda tells the runtime and keeps from external extensions.
func (c *Config) runtimeEnv() map[string]string {
	root := c.Function.Dir
	if root == "" && len(c.Function.Command) > 0 {
		root = filepath.Dir(c.Function.Command[0])
	}
	return map[string]string{
		"_HANDLER":                   c.Handler,
		"AWS_EXECUTION_ENV":          "AWS_Lambda_provided.al2023",
		"AWS_LAMBDA_LOG_GROUP_NAME":  "/aws/lambda/" + c.FunctionName,
		"AWS_LAMBDA_LOG_STREAM_NAME": time.Now().UTC().Format("2006/01/02/") + "[" + c.FunctionVersion + "]" + randomHex(16),
		"AWS_XRAY_CONTEXT_MISSING":   "LOG_ERROR",
		"LAMBDA_RUNTIME_DIR":         root,
		"LAMBDA_TASK_ROOT":           root,
	}
}

// reservedNames are the names that a function's configuration may not have.
func (c *Config) reservedNames() map[string]bool {
	reserved := map[string]bool{
		envAccessKeyID: true, envSecretAccessKey: true, envSessionToken: true,
		envCredentialsURI: true, envCredentialsAuth: true, envMaxConcurrency: true,
	}
	for _, env := range []map[string]string{c.platformEnv(""), c.runtimeEnv()} {
		for name := range env {
			reserved[name] = true
		}
	}
	return reserved
}

// environ returns the whole environment of a process: of the runtime, or of an
// extension.
func (h *Host) environ(runtime bool) map[string]string {
	env := defaultEnv()
	maps.Copy(env, h.cfg.Env)
	if runtime {
		maps.Copy(env, h.cfg.runtimeEnv())
	}
	maps.Copy(env, h.cfg.platformEnv(h.Address()))
	maps.Copy(env, h.credentialEnv())
	return env
}

// pairs returns env as os/exec takes it.
func pairs(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// unpairs is the inverse of pairs.
func unpairs(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, pair := range list {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}
