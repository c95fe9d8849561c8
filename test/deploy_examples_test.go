// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// layerOf is the layer in the repository's dist, seen from an example.
const layerOf = "../../../dist/coffer-extension-layer-arm64.zip"

func TestTheSAMTemplate(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../examples/lambda/sam/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var node map[string]any
	if err := yaml.Unmarshal(text, &node); err != nil {
		t.Fatal(err)
	}
	resources := node["Resources"].(map[string]any)
	layer := resources["CofferExtension"].(map[string]any)["Properties"].(map[string]any)
	function := resources["Orders"].(map[string]any)["Properties"].(map[string]any)
	if layer["ContentUri"] != layerOf || !cmp.Equal(function["Layers"], []any{"CofferExtension"}) || function["Handler"] != "index.handler" {
		t.Errorf("%v\n%v", layer, function)
	}
}

// TestTheCDKApp synthesizes the stack.
func TestTheCDKApp(t *testing.T) {
	t.Parallel()
	node, npm := testneed.Program(t, "node"), testneed.Program(t, "npm")
	if _, err := os.Stat("../examples/lambda/cdk/node_modules"); err != nil {
		testneed.Missing(t, "the packages of examples/lambda/cdk: run npm ci there")
	}
	root := t.TempDir()
	app, out := filepath.Join(root, "examples", "lambda", "cdk"), filepath.Join(root, "out")
	layExample(t, root, "cdk")
	modules, err := filepath.Abs("../examples/lambda/cdk/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(app, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if r := runProgramFor(t, 5*patience, nil, npm, "--prefix", app, "run", "--silent", "bundle"); r.Code != 0 {
		t.Fatalf("%s%s", r.Stdout, r.Stderr)
	}
	r := runProgramFor(t, 5*patience, []string{"CDK_OUTDIR=" + out}, node, "-e",
		"process.chdir(process.argv[1]); require(process.argv[1] + '/cdk.out.js')", app)
	if r.Code != 0 {
		t.Fatalf("%s%s", r.Stdout, r.Stderr)
	}
	text, err := os.ReadFile(filepath.Join(out, "Orders.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var stack struct {
		Resources map[string]struct{ Type string }
	}
	if err := json.Unmarshal(text, &stack); err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for _, r := range stack.Resources {
		types[r.Type]++
	}
	if types["AWS::Lambda::LayerVersion"] != 1 || types["AWS::Lambda::Function"] != 1 || !strings.Contains(string(text), "secretsmanager:GetSecretValue") {
		t.Errorf("%v", types)
	}
}

// layExample copies an example, and the function and a layer that it refers to, so that
// nothing is written into the repository.
func layExample(t *testing.T, root, name string) {
	t.Helper()
	for _, dir := range []string{name, "function"} {
		to := filepath.Join(root, "examples", "lambda", dir)
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		from := filepath.Join("..", "examples", "lambda", dir)
		files, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !f.Type().IsRegular() {
				continue
			}
			text, err := os.ReadFile(filepath.Join(from, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, f.Name()), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "dist"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"dist/coffer-extension-layer-arm64.zip", "examples/lambda/" + name + "/function.zip"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheTerraformExample has Terraform check the configuration against the provider's schema.
func TestTheTerraformExample(t *testing.T) {
	t.Parallel()
	plugins := os.Getenv(terraformPlugins)
	if plugins == "" {
		t.Skip(terraformPlugins + " does not say where the provider for AWS is")
	}
	root := t.TempDir()
	layExample(t, root, "terraform")
	dir := filepath.Join(root, "examples", "lambda", "terraform")
	settings := filepath.Join(root, "none.rc")
	if err := os.WriteFile(settings, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tf := &terraform{t: t, path: testneed.Program(t, "terraform"), dir: dir, variables: []string{
		"TF_CLI_CONFIG_FILE=" + settings, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
	}}
	tf.must("init", "-plugin-dir="+plugins)
	if r := runProgramFor(t, 5*patience, tf.variables, tf.path, "-chdir="+dir, "validate", "-no-color"); r.Code != 0 {
		t.Errorf("%s%s", r.Stdout, r.Stderr)
	}
}
