// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsquery

import (
	"bytes"
	"encoding/base64"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// AppendAnswer appends the XML of a successful answer, with its secrets revealed.
func AppendAnswer(b []byte, service *api.Service, operation, requestID string, out any) []byte {
	w := writer{bytes.NewBuffer(b)}
	w.open(operation + `Response xmlns="` + service.Namespace + `"`)
	w.open(operation + "Result")
	w.structure(reflect.ValueOf(out).Elem())
	w.close(operation + "Result")
	w.open("ResponseMetadata")
	w.element("RequestId", requestID)
	w.close("ResponseMetadata")
	w.close(operation + "Response")
	return w.Bytes()
}

// faultNamespace is that of errors which no service answers, such as InvalidAction.
const faultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"

// AppendError appends the XML of an error. service is nil if the request reached none.
func AppendError(b []byte, service *api.Service, requestID string, err *api.Error) []byte {
	namespace, side := faultNamespace, "Sender"
	if service != nil {
		namespace = service.Namespace
	}
	if err.HTTPStatus() >= 500 {
		side = "Receiver"
	}
	w := writer{bytes.NewBuffer(b)}
	w.open(`ErrorResponse xmlns="` + namespace + `"`)
	w.open("Error")
	w.element("Type", side)
	w.element("Code", err.Code)
	if err.Message != "" {
		w.element("Message", err.Message)
	}
	w.close("Error")
	w.element("RequestId", requestID)
	w.close("ErrorResponse")
	return w.Bytes()
}

// A writer writes elements. Nothing that it calls can fail: it writes to memory.
type writer struct{ *bytes.Buffer }

func (w writer) open(tag string)   { w.WriteString("<" + tag + ">") }
func (w writer) close(name string) { w.WriteString("</" + name + ">") }

func (w writer) element(name, text string) {
	w.open(name)
	w.text(text)
	w.close(name)
}

// text writes text as xml.EscapeText does, which would bring all of its package along.
func (w writer) text(s string) {
	for _, c := range s {
		switch {
		case c == '&':
			w.WriteString("&amp;")
		case c == '<':
			w.WriteString("&lt;")
		case c == '>':
			w.WriteString("&gt;")
		case c == '"' || c == '\'':
			w.WriteString("&#" + strconv.Itoa(int(c)) + ";")
		case c == '\t' || c == '\n' || c == '\r':
			w.WriteString("&#x" + strings.ToUpper(strconv.FormatInt(int64(c), 16)) + ";")
		case !inXML(c):
			w.WriteRune(utf8.RuneError)
		default:
			w.WriteRune(c)
		}
	}
}

// inXML reports whether XML can have a character (Extensible Markup Language 1.0, section
// 2.2).
func inXML(c rune) bool {
	return utf8.ValidRune(c) && (c >= ' ' || c == '\t' || c == '\n' || c == '\r') && c != 0xFFFE && c != 0xFFFF
}

func (w writer) structure(v reflect.Value) {
	s := api.ShapeOf(v.Type())
	for i := range s.Members {
		if f, present := s.Members[i].Field(v); present {
			w.value(s.Members[i].Name, &s.Members[i].Type, f)
		}
	}
}

func (w writer) value(name string, t *api.Type, v reflect.Value) {
	switch t.Kind {
	case api.Structure:
		w.open(name)
		w.structure(v)
		w.close(name)
	case api.List:
		w.open(name)
		for i := range v.Len() {
			w.value("member", t.Elem, v.Index(i))
		}
		w.close(name)
	case api.Map:
		w.open(name)
		for _, e := range entries(t, v) {
			w.open("entry")
			w.element("key", e.key)
			w.value("value", t.Elem, e.value)
			w.close("entry")
		}
		w.close(name)
	default:
		w.element(name, text(t, v))
	}
}

// text is a scalar as both forms and answers carry it.
func text(t *api.Type, v reflect.Value) string {
	switch t.Kind {
	case api.String:
		return v.String()
	case api.SecretText:
		return v.Addr().Interface().(*secret.Text).RevealString()
	case api.SecretBlob:
		return base64.StdEncoding.EncodeToString(v.Addr().Interface().(*secret.Blob).Reveal())
	case api.Bytes:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case api.Integer, api.Long:
		return strconv.FormatInt(v.Int(), 10)
	case api.Boolean:
		return strconv.FormatBool(v.Bool())
	case api.Timestamp:
		return v.Addr().Interface().(*api.Time).UTC().Format(time.RFC3339)
	}
	return "" // an empty list or map
}

// DecodeAnswer reads the XML of a successful answer into a pointer to a generated
// struct. No value is in the error.
func DecodeAnswer(operation string, body []byte, out any) error {
	root, err := parseXML(body)
	if err != nil {
		return err
	}
	response := root.children[operation+"Response"]
	if response == nil {
		return errors.New("not an answer of " + operation)
	}
	if result := response.children[operation+"Result"]; result != nil {
		return result.decodeStruct(reflect.ValueOf(out).Elem())
	}
	return nil
}
