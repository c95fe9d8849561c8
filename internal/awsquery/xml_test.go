// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsquery

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestXMLIsReadAsTheStandardLibraryReadsIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		document string
		ok       bool
	}{
		"an element":                {`<a>x</a>`, true},
		"elements with white space": {"<?xml version=\"1.0\"?>\r\n<a >\r\n <b>x\ry</b >\n<c/><d />\n</a>\n", true},
		"attributes":                {`<a xmlns="https://x/" y='a>"b'><b z="/"/></a>`, true},
		"a prefix":                  {`<n:a xmlns:n="u"><n:b>1</n:b></n:a>`, true},
		"references":                {`<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x41;&#x1F600;&#10;</a>`, true},
		"a comment":                 {`<!-- <b> --><a>x<!-- & -->y</a>`, true},
		"lists":                     {`<a><member>1</member><member>2</member></a>`, true},
		"text around":               {`x<a/>y`, true},
		"an unknown reference":      {`<a>&nbsp;</a>`, false},
		"a reference without end":   {`<a>&lt</a>`, false},
		"a reference to nothing":    {`<a>&#0;</a>`, false},
		"a reference past Unicode":  {`<a>&#x110000;</a>`, false},
		"a surrogate":               {`<a>&#xD800;</a>`, false},
		"another end":               {`<a></b>`, false},
		"another prefix at the end": {`<n:a xmlns:n="u"></a>`, false},
		"an end too many":           {`<a></a></a>`, false},
		"no end":                    {`<a><b></b>`, false},
		"no end of a tag":           {`<a`, false},
		"no end of an attribute":    {`<a b="x></a>`, false},
		"a tag in a tag":            {`<a <b></a>`, false},
		"no name":                   {`<>x</>`, false},
		"no end of a comment":       {`<a><!-- x</a>`, false},
		"invalid UTF-8":             {"<a>\xff</a>", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseXML([]byte(test.document))
			if (err == nil) != test.ok {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			want, err := reference(test.document)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(node{})); diff != "" {
				t.Errorf("(-the library's +ours):\n%s", diff)
			}
		})
	}
}

func TestTextIsWrittenAsTheStandardLibraryWritesIt(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for c := range rune(0x10000) {
		all.WriteRune(c)
	}
	for _, s := range []string{"", "plain", `<a b="c">&'`, "\t\r\n", "\xff\xfe", "\U0001F600", all.String()} {
		var want bytes.Buffer
		if err := xml.EscapeText(&want, []byte(s)); err != nil {
			t.Fatal(err)
		}
		w := writer{new(bytes.Buffer)}
		w.text(s)
		if w.String() != want.String() {
			t.Errorf("%.40q became %.80q, want %.80q", s, w.String(), want.String())
		}
	}
}

// FuzzXML holds that what both readers accept they read as the same.
func FuzzXML(f *testing.F) {
	f.Add(`<a x="1"><b>x &amp; y</b><!-- z --><member/><member>2</member></a>`)
	f.Fuzz(func(t *testing.T, document string) {
		got, err := parseXML([]byte(document))
		if err != nil {
			return
		}
		want, err := reference(document)
		if err != nil {
			return // ours is not as strict about attributes, names and control characters
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(node{})); diff != "" {
			t.Errorf("%q (-the library's +ours):\n%s", document, diff)
		}
	})
}

// reference is parseXML over the standard library's reader.
func reference(document string) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(document))
	root := new(node)
	stack := []*node{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n, name := top, token.Name.Local
			if name == "member" || name == "entry" {
				n = top.child(name)
				name = strconv.Itoa(len(n.children) + 1)
			}
			n = n.child(name)
			n.set = true
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 1 {
				top.text += string(token)
			}
		}
	}
}
