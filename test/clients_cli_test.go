// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

// A step is a command as it is typed in a shell, and what is to come of it.
type step struct {
	command string
	// want is what it prints, except for space at the ends; "" is anything.
	want string
	// save names the variable that the following commands find the output in.
	save string
	// fails is the error code that it ends with; "" is success.
	fails string
}

// awsCLI is a shell with the variables that coffer dev prints, and the aws command.
type awsCLI struct {
	shell     string
	variables []string
	// prelude makes older clients, which don't know AWS_ENDPOINT_URL, use it.
	prelude string
	// rawBlobs is of version 1: a blob in an argument is not base64.
	rawBlobs bool
}

func newAWSCLI(t *testing.T, p *process) awsCLI {
	t.Helper()
	aws, shell := testneed.Program(t, "aws"), testneed.Program(t, "sh")
	c := awsCLI{shell: shell, variables: clientEnvironment(t, p)}
	r := runProgram(t, c.variables, aws, "--version")
	// Version 1 wrote this to its standard error on Python 2.
	version := regexp.MustCompile(`aws-cli/(\d+)\.(\d+)`).FindStringSubmatch(r.Stdout + r.Stderr)
	if version == nil {
		t.Fatalf("aws --version printed %q", r.Stdout+r.Stderr)
	}
	major, _ := strconv.Atoi(version[1])
	minor, _ := strconv.Atoi(version[2])
	c.rawBlobs = major == 1
	if (major == 1 && minor < 29) || (major == 2 && minor < 13) {
		c.prelude = `aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }; `
	}
	return c
}

// run runs the steps one after another, each as a subtest, up to the first that fails.
// Commands have a directory of their own, $DIR, for files.
func (c awsCLI) run(t *testing.T, steps []step) {
	t.Helper()
	variables := append([]string{"DIR=" + t.TempDir()}, c.variables...)
	for _, s := range steps {
		held := t.Run(s.command, func(t *testing.T) {
			r := runProgram(t, variables, c.shell, "-c", c.prelude+s.command)
			s.check(t, r)
			if s.save != "" {
				variables = append(variables, s.save+"="+strings.TrimSpace(r.Stdout))
			}
		})
		if !held {
			return
		}
	}
}

func (s step) check(t *testing.T, r result) {
	t.Helper()
	switch {
	case s.fails != "":
		if r.Code == 0 || !strings.Contains(r.Stderr, "("+s.fails+")") {
			t.Fatalf("status %d, want %s\n%s%s", r.Code, s.fails, r.Stdout, r.Stderr)
		}
	case r.Code != 0:
		t.Fatalf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	case s.want != "":
		if diff := cmp.Diff(s.want, strings.TrimSpace(r.Stdout)); diff != "" {
			t.Fatalf("it printed something else (-want +got):\n%s", diff)
		}
	}
}

// TestAWSCLI calls every operation that is served with the stock aws command.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	p := startDev(t, "--config", rotating(t, goFunction))
	c := newAWSCLI(t, p)
	issuer := oidctest.New(t)
	t.Run("commands", func(t *testing.T) {
		for name, steps := range map[string][]step{
			"first steps":     c.firstSteps(),
			"kms":             c.kmsSteps(),
			"key policies":    keyPolicySteps,
			"ssm":             ssmSteps,
			"secretsmanager":  secretsManagerSteps,
			"versions":        secretVersionSteps,
			"replication":     replicationSteps,
			"rotation":        rotationSteps,
			"who is answered": identitySteps,
			"temporary":       sessionSteps,
			"iam policies":    policySteps,
			"web identity":    webIdentitySteps(issuer),
			"iam roles":       roleSteps,
			"iam users":       iamUserSteps,
			"simulator":       simulatorSteps,
			"iam providers":   providerSteps,
			"iam tags":        tagSteps,
			"iam account":     accountSteps,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.run(t, steps)
			})
		}
	})
	if !t.Failed() {
		checkAllCalled(t, p)
	}
	p.stop(t)
}

// blob is base64 text as the client prints a blob that was given to it as this argument.
func (c awsCLI) blob(argument string) string {
	if c.rawBlobs {
		return base64.StdEncoding.EncodeToString([]byte(argument))
	}
	return argument
}

// neverThere are operations that there is nothing for: all they do is to say so.
var neverThere = map[string]bool{"iam:GetLoginProfile": true, "iam:DeleteLoginProfile": true}

// checkAllCalled holds that each operation that is served was called with success, as the
// audit log has it.
func checkAllCalled(t *testing.T, p *process) {
	t.Helper()
	succeeded := auditedActions(t, p)
	for action := range servedOperations(t) {
		if !succeeded[action] && !neverThere[action] {
			t.Errorf("no step of this test calls %s with success", action)
		}
	}
}

// auditedActions are the IAM actions of the calls that the audit log of a process has, and
// whether one succeeded.
func auditedActions(t *testing.T, p *process) map[string]bool {
	t.Helper()
	actions := map[string]bool{}
	for line := range strings.Lines(mustRun(t, "audit", "tail", "--json", "-n", "0", "--data", p.Data)) {
		var r struct{ EventType, EventSource, EventName, ErrorCode string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.EventType != "AwsApiCall" {
			continue // what the server did by itself
		}
		action := strings.TrimSuffix(r.EventSource, ".amazonaws.com") + ":" + r.EventName
		actions[action] = actions[action] || r.ErrorCode == ""
	}
	return actions
}
