// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const models = "../../../aws"

func TestGeneratedFilesAreAsTheModelsSay(t *testing.T) {
	t.Parallel()
	if err := run(models, "..", true); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsStaleFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := run(models, dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(models, dir, true); err != nil {
		t.Fatalf("fresh files are stale: %v", err)
	}
	for name, change := range map[string]func(path string) error{
		"kms/errors_gen.go": os.Remove,
		"sts/types_gen.go":  func(path string) error { return os.WriteFile(path, []byte("package sts\n"), 0o600) },
		"ssm/more_gen.go":   func(path string) error { return os.WriteFile(path, []byte("package ssm\n"), 0o600) },
	} {
		if err := change(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := run(models, dir, true); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("after a change of %s: %v", name, err)
		}
	}
}

func TestEveryPatternCompiles(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, service := range services {
		m, err := readModel(models, service.name)
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range m.Shapes {
			if s.Pattern == "" {
				continue
			}
			used[s.Pattern] = true
			if _, err := translate(s.Pattern); err != nil {
				t.Errorf("%s.%s: %v", service.name, name, err)
			}
		}
	}
	for java := range overrides {
		if !used[java] {
			t.Errorf("no model has the overridden pattern %s", java)
		}
	}
	for java := range examples {
		if !used[java] {
			t.Errorf("no model has the pattern of the example %s", java)
		}
	}
	for java := range used {
		re2, err := translate(java)
		if err == nil && re2 != java && examples[java].yes == nil {
			t.Errorf("the translated pattern %s has no examples", java)
		}
	}
}

// examples are strings that Java's matcher takes and refuses as a whole.
var examples = map[string]struct{ yes, no []string }{
	`^(?!\s*$).+`: {
		yes: []string{"{}", " a ", "\u00e9", "\u00a0"},
		no:  []string{"", " ", "\t \v", "a\nb", "a\n", "\r", "a\u2028b", "\u0085"},
	},
	`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`: {
		// Java reads \u10000 as U+1000 and a zero: the class ends in the BMP, and has
		// a range from 0 to U+10FF that nobody meant.
		yes: []string{"{\"a\": 1}", "\t\n\r", "\u0085", "\u00e9", "\ud7ff", "\ue000", "\ufffd", "\u007f", "\u0086"},
		no:  []string{"", "\x00", "\x0b", "a\x1f", "\ufffe", "\U00010000", "\U0001F600"},
	},
	`[\u0009\u000A\u000D\u0020-\u00FF]+`: {
		yes: []string{"a b", "\t\r\n", "\u00ff", "\u007f"},
		no:  []string{"", "\u0100", "\x00", "\x0b", "\u20ac"},
	},
	`[\u0020-\u00FF]*`: {
		yes: []string{"", " ", "\u00ff"},
		no:  []string{"\n", "\u0100", "a\n"},
	},
	`[\u0020-\u00FF]+`: {
		yes: []string{" ", "\u00ff"},
		no:  []string{"", "\n", "\u0100"},
	},
	`[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`: {
		yes: []string{"", "a b", "\t\r\n", "\u00a1", "\u00ff"},
		no:  []string{"\u007f", "\u00a0", "\u0100", "\x00"},
	},
	`\u002F[\u0021-\u007F]*`: {
		yes: []string{"/", "/a/b", "/\u007f"},
		no:  []string{"", "a", "/ ", "/\u0080"},
	},
	`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`: {
		yes: []string{"/", "/a/", "/a/b/", "///"},
		no:  []string{"", "a", "/a", "//", "/ /", "/\u007f/"},
	},
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: {
		yes: []string{"abc", "a-b", "a-b-c", "0-9"},
		no:  []string{"", "a--b", "-ab", "ab-", "Abc", "a_b"},
	},
	`^[a-zA-Z0-9:/_\s.-]+$`: {
		yes: []string{"a b", "a\vb", "\n", "x.-:/_"},
		no:  []string{"", "\u00a0", "a+b"},
	},
	`tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType`: {
		yes: []string{"tag:x", "Name", "tag:a b", "tag:tag:"},
		no:  []string{"tag:", "Names", "xName", "tag:a\nb", "tag:a\u2028", "tag:a\u0085", "name"},
	},
}

func TestTranslatedPatternsMatchAsJavaDoes(t *testing.T) {
	t.Parallel()
	for java, strings := range examples {
		re2, err := translate(java)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(`\A(?:` + re2 + `)\z`)
		for _, s := range strings.yes {
			if !re.MatchString(s) {
				t.Errorf("%s does not match %q", java, s)
			}
		}
		for _, s := range strings.no {
			if re.MatchString(s) {
				t.Errorf("%s matches %q", java, s)
			}
		}
	}
}

func TestPatternsWithoutARuleAreRefused(t *testing.T) {
	t.Parallel()
	for _, java := range []string{`(?=a)b`, `(a)\1`, `a++`, `[a-z&&[^b]]`, `[a[b]]`, `\Qa\E`, `\h`, `[`, `a\`, `\bword`, `(?<n>a)\k<n>`, `[\S]`} {
		re2, err := translate(java)
		if err == nil {
			t.Errorf("%s became %s", java, re2)
		} else if !strings.Contains(err.Error(), "add an override") {
			t.Errorf("%s: the error does not say what to do: %v", java, err)
		}
	}
}

func TestCamel(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"SYMMETRIC_DEFAULT": "SymmetricDefault", "RSA_2048": "RSA2048", "SecureString": "SecureString",
		"Intelligent-Tiering": "IntelligentTiering", "tag-key": "TagKey", "asc": "Asc", "AWS": "AWS", "KEY_MATERIAL_DOES_NOT_EXPIRE": "KeyMaterialDoesNotExpire", "AWS_CLOUDHSM": "AWSCloudhsm",
	} {
		if got := camel(value); got != want {
			t.Errorf("camel(%s) = %s, want %s", value, got, want)
		}
	}
}

func TestBrokenModelsAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ model, message string }{
		"not JSON":           {`{`, "reading"},
		"an unknown input":   {`{"operations":{"A":{"input":"X"}}}`, "unknown shape X"},
		"an unknown member":  {`{"shapes":{"A":{"type":"structure","members":{"B":"X"}}}}`, "unknown shape X"},
		"an unknown element": {`{"shapes":{"A":{"type":"list","member":"X"}}}`, "unknown shape X"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.json"), []byte(test.model), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readModel(dir, "x"); err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readModel(t.TempDir(), "x"); err == nil {
		t.Error("a missing model was read")
	}
}

func TestTwoThingsOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	m := &model{
		Operations: map[string]operation{"Tag": {Input: "In"}},
		Shapes: map[string]*shape{
			"In":  {Type: "structure", Members: members{{"Tag", "Tag"}}},
			"Tag": {Type: "structure"},
		},
	}
	g := &generator{model: m, pkg: "x", title: "X", names: map[string]bool{}}
	if _, err := g.files(); err == nil || !strings.Contains(err.Error(), "two things are named Tag") {
		t.Errorf("the generator said %v", err)
	}
}

func TestMembersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var m members
	if err := m.UnmarshalJSON([]byte(`{"B":"x","A":"y","C":"z"}`)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m, members{{"B", "x"}, {"A", "y"}, {"C", "z"}}) {
		t.Errorf("read %v", m)
	}
}
