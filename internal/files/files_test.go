// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/files"
	"github.com/coffer-secrets/coffer/internal/reference"
)

func TestParse(t *testing.T) {
	t.Parallel()
	type row struct {
		path     string
		mode     fs.FileMode
		refs     []reference.Reference
		template string
	}
	db := reference.Reference{Ref: cache.Ref{ID: "prod/db"}, Field: "password"}
	key := reference.Reference{Ref: cache.Ref{Kind: cache.Parameter, ID: "/prod/api/key", Decrypt: true}}
	for list, want := range map[string][]row{
		"":                           nil,
		"/run/s/db=prod/db#password": {{"/run/s/db", 0o600, []reference.Reference{db}, ""}},
		" /a = prod/db#password ,, /b=/prod/api/key;mode=0440,":                                                      {{"/a", 0o600, []reference.Reference{db}, ""}, {"/b", 0o440, []reference.Reference{key}, ""}},
		"/a=x{{resolve:secretsmanager:prod/db:SecretString:password}}{{resolve:ssm-secure:/prod/api/key}};mode=644;": {{"/a", 0o644, []reference.Reference{db, key}, ""}},
		"/a=kms:AAA=":                         {{"/a", 0o600, []reference.Reference{{Ref: cache.Ref{ID: "kms:AAA="}}}, ""}},
		"/a=template:/etc/app.tmpl;mode=0640": {{"/a", 0o640, nil, "/etc/app.tmpl"}},
	} {
		items, wrong := files.Parse(list)
		var got []row
		for _, i := range items {
			got = append(got, row{i.Path, i.Mode, i.Text.References(), i.Template})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" || wrong != nil {
			t.Errorf("%q: %v (-want +got):\n%s", list, wrong, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"canary", "=canary", "a=canary", "/=canary", "/a/../b=canary", "/a/=canary", "//a=canary", "/a\nb=canary", "/a=", "/a=;mode=0600", "/a=can ary",
		"/a=canary;mode", "/a=canary;mode=0", "/a=canary;mode=0666", "/a=canary;mode=0700", "/a=canary;mode=4600", "/a=canary;mode=9", "/a=canary;mode=-1",
		"/a=canary;owner=me", "/a=template:canary", "/a=template:", "/a={{resolve:canary", "/a=canary{{resolve:}}",
	} {
		items, wrong := files.Parse("/x=fine," + text)
		if len(items) != 1 || len(wrong) != 1 || strings.Contains(fmt.Sprint(wrong), "canary") {
			t.Errorf("%q: %v, %v", text, items, wrong)
		}
	}
	if items, wrong := files.Parse("/a=x,/a=y"); len(items) != 1 || len(wrong) != 1 {
		t.Errorf("a path that is there twice: %v, %v", items, wrong)
	}
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf("/f%d=x", i))
	}
	if items, wrong := files.Parse(strings.Join(many, ",")); len(items) != 100 || len(wrong) != 1 {
		t.Errorf("too many files: %d, %v", len(items), wrong)
	}
}
