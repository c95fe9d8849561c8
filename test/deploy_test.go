// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// released is the form of the files that a release has.
var released = regexp.MustCompile(`^(coffer|coffer-agent|coffer-extension)-linux-(amd64|arm64|\$\{TARGETARCH\})$`)

func TestTheImagesAreOfReleasedPrograms(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../packaging/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^FROM scratch AS (\w+)$`).FindAllSubmatch(text, -1)
	copied := regexp.MustCompile(`(?m)^COPY --chmod=755 (\S+) (\S+)$`).FindAllSubmatch(text, -1)
	if len(stages) == 0 || len(stages) != len(copied) {
		t.Fatalf("%d images, %d programs", len(stages), len(copied))
	}
	for _, c := range copied {
		if !released.Match(c[1]) {
			t.Errorf("%s is in no release", c[1])
		}
		if target := string(c[2]); target != "/opt/extensions/coffer-extension" && !strings.Contains(string(text), `ENTRYPOINT ["`+target+`"`) {
			t.Errorf("nothing starts %s", target)
		}
	}
}

// TestTheUnit has systemd read the unit, but for the program, which is not there.
func TestTheUnit(t *testing.T) {
	t.Parallel()
	verify := testneed.Program(t, "systemd-analyze")
	text, err := os.ReadFile("../packaging/systemd/coffer-extension.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "coffer-extension.service")
	text = []byte(strings.Replace(string(text), "ExecStart=/usr/local/bin/coffer-extension", "ExecStart=/bin/true", 1))
	if err := os.WriteFile(unit, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := runProgram(t, nil, verify, "verify", "--man=no", unit); r.Code != 0 || strings.Contains(r.Stdout+r.Stderr, unit) {
		t.Errorf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// container is what the test looks at of one.
type container struct {
	Name         string
	Env          []struct{ Name, Value string }
	StartupProbe struct{ Exec struct{ Command []string } } `yaml:"startupProbe"`
	VolumeMounts []struct{ Name, MountPath string }        `yaml:"volumeMounts"`
}

func TestTheManifest(t *testing.T) {
	t.Parallel()
	f, err := os.Open("../packaging/kubernetes/sidecar.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	for {
		var node yaml.Node
		if err := d.Decode(&node); errors.Is(err, io.EOF) {
			t.Fatal("there is no Deployment")
		} else if err != nil {
			t.Fatal(err)
		}
		var pod struct {
			Kind string
			Spec struct {
				Template struct {
					Spec struct {
						InitContainers []container `yaml:"initContainers"`
						Containers     []container
					}
				}
			}
		}
		if err := node.Decode(&pod); err != nil {
			t.Fatal(err)
		}
		if pod.Kind != "Deployment" {
			continue
		}
		checkContainers(t, slices.Concat(pod.Spec.Template.Spec.InitContainers, pod.Spec.Template.Spec.Containers))
		return
	}
}

// checkContainers holds that agent and application find the token where it is made.
func checkContainers(t *testing.T, all []container) {
	t.Helper()
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
		mounted := len(c.VolumeMounts) == 1 && c.VolumeMounts[0].Name == "token"
		for _, v := range c.Env {
			if v.Name == "COFFER_AGENT_TOKEN_FILE" && !(mounted && filepath.Dir(v.Value) == "/run/coffer") {
				t.Errorf("%s has no token at %s", c.Name, v.Value)
			}
		}
		if c.Name == "coffer" && !slices.Equal(c.StartupProbe.Exec.Command, []string{"/coffer-extension", "ping"}) {
			t.Errorf("the probe is %q", c.StartupProbe.Exec.Command)
		}
	}
	if diff := cmp.Diff([]string{"token", "coffer", "orders"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
