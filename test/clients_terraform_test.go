// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// terraformPlugins names the environment variable that has the directory of Terraform's
// provider for AWS: registry.terraform.io/hashicorp/aws/VERSION is below it. No package
// installs it, so that a machine may be without it whatever it is required to have.
const terraformPlugins = "COFFER_TEST_TERRAFORM_PLUGINS"

// terraform is Terraform in a directory with the configuration of this test.
type terraform struct {
	t         *testing.T
	path, dir string
	variables []string
}

// TestTerraform creates, changes and destroys secrets and parameters with Terraform. After
// each step nothing is left to be done: what was put is what is read back.
func TestTerraform(t *testing.T) {
	t.Parallel()
	plugins := os.Getenv(terraformPlugins)
	if plugins == "" {
		t.Skip(terraformPlugins + " does not say where the provider for AWS is")
	}
	p := startDev(t, "--config", rotating(t, goFunction))
	tf := newTerraform(t, p)
	tf.must("init", "-plugin-dir="+plugins)
	for n, value := range []string{"1", "2"} {
		tf.must("apply", "-auto-approve", "-var=value="+value)
		tf.must("plan", "-detailed-exitcode", "-var=value="+value) // status 2 if there was something to do
		want := map[string]any{
			"secret": value, "parameter": "hunter" + value, "names": []any{"/terraform/host", "/terraform/password"},
			"versions": []any{float64(n + 1), float64(n + 1)},
		}
		if diff := cmp.Diff(want, tf.output("values")); diff != "" {
			t.Errorf("what it read (-want +got):\n%s", diff)
		}
		want = map[string]any{
			"role": "arn:aws:iam::000000000000:role/terraform/terraform-function", "session": float64(3600 * (n + 1)),
			"group": "arn:aws:iam::000000000000:group/value" + value + "/terraform-team", "members": []any{"terraform-ops"},
			"clients": []any{"client" + value, "sts.amazonaws.com"},
		}
		if diff := cmp.Diff(want, tf.output("iam")); diff != "" {
			t.Errorf("who may read it (-want +got):\n%s", diff)
		}
	}
	tf.must("destroy", "-auto-approve", "-var=value=2")
	checkDocumentedCalls(t, p)
	p.stop(t)
}

// called is a line of docs/dev.md that lists the operations which Terraform calls.
var called = regexp.MustCompile(`(?m)^(secretsmanager|ssm|iam|sts):((?: \w+)+)$`)

// checkDocumentedCalls holds that the documentation lists what was called, and nothing else.
func checkDocumentedCalls(t *testing.T, p *process) {
	t.Helper()
	document, err := os.ReadFile("../docs/dev.md")
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, line := range called.FindAllStringSubmatch(string(document), -1) {
		for name := range strings.FieldsSeq(line[2]) {
			want[line[1]+":"+name] = true
		}
	}
	for action := range auditedActions(t, p) {
		if service, _, _ := strings.Cut(action, ":"); service != "kms" { // which others call
			got[action] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Terraform's calls are not those that docs/dev.md lists (-want +got):\n%s", diff)
	}
}

func newTerraform(t *testing.T, p *process) *terraform {
	t.Helper()
	tf := &terraform{t: t, path: testneed.Program(t, "terraform"), dir: t.TempDir()}
	if err := os.CopyFS(tf.dir, os.DirFS("terraform")); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(tf.dir, "none.rc")
	if err := os.WriteFile(settings, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tf.variables = append(clientEnvironment(t, p), "TF_CLI_CONFIG_FILE="+settings,
		"TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "TF_VAR_function="+goFunction)
	return tf
}

// must runs a command that has to succeed, and returns what it prints.
func (tf *terraform) must(args ...string) string {
	tf.t.Helper()
	args = append([]string{"-chdir=" + tf.dir}, args...)
	if !slices.Contains(args, "output") {
		args = append(args, "-no-color", "-input=false")
	}
	r := runProgramFor(tf.t, 5*patience, tf.variables, tf.path, args...)
	if r.Code != 0 {
		tf.t.Fatalf("terraform %v: status %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// output is an output of the configuration.
func (tf *terraform) output(name string) (out map[string]any) {
	tf.t.Helper()
	if err := json.Unmarshal([]byte(tf.must("output", "-json", name)), &out); err != nil {
		tf.t.Fatal(err)
	}
	return out
}
