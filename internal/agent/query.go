// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"net/url"
	"strings"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// request is what a request line asks for.
type request struct {
	ref     cache.Ref
	refresh bool   // from the source, whatever is held
	failed  string // the version that does not work, if this is a report of one
	field   string // the member that is asked for, instead of the whole
}

const (
	// maxNameBytes bounds a parameter, in bytes: the AWS API's SecretIdType and
	// PSParameterName.
	maxNameBytes = 2048
	// maxParameters bounds the parameters of a query. The most that mean something are
	// eight.
	maxParameters = 16
)

var (
	errNoSecretID = errors.New("missing parameter secretId")
	errNoName     = errors.New("missing parameter name")
	errNoVersion  = errors.New("missing parameter versionId")
	errTooLong    = errors.New("a parameter is too long")
	errTooMany    = errors.New("too many parameters")
	errEscape     = errors.New("a parameter is not properly encoded")
	errDecryption = errors.New("invalid withDecryption value")
	errRefresh    = errors.New("invalid refreshNow value")
	errField      = errors.New("invalid field value")
	errRole       = errors.New("invalid roleArn format, expected arn:<partition>:iam::<account>:role/<name>")
	errNoPathID   = errors.New("missing secret ID")
)

// parseSecret reads secretId, versionId and versionStage. If it is strict, it refuses what
// it does not know.
func parseSecret(query string, strict bool) (request, error) {
	req := request{ref: cache.Ref{Kind: cache.Secret}}
	err := each(query, maxParameters, func(key, value string) error {
		if key == "secretId" {
			set(&req.ref.ID, value)
			return nil
		}
		return req.secret(key, value, strict)
	})
	if err == nil && req.ref.ID == "" {
		err = errNoSecretID
	}
	return req, err
}

// parsePath reads a secret's id from a path, and from the query what there is beside
// secretId.
func parsePath(id, query string) (request, error) {
	req := request{ref: cache.Ref{Kind: cache.Secret, ID: id}}
	switch {
	case id == "":
		return req, errNoPathID
	case len(id) > maxNameBytes:
		return req, errTooLong
	}
	return req, each(query, maxParameters, func(key, value string) error {
		return req.secret(key, value, true)
	})
}

// secret reads the parameters that say which version of a secret is meant.
func (r *request) secret(key, value string, strict bool) error {
	switch key {
	case "versionId":
		set(&r.ref.VersionID, value)
	case "versionStage":
		set(&r.ref.Stage, value)
	default:
		known, err := r.common(key, value)
		if !known && strict {
			return errors.New("unknown parameter: " + key)
		}
		return err
	}
	return nil
}

// parseParameter reads name, version, label and withDecryption. Of version and label the
// first one counts.
func parseParameter(query string) (request, error) {
	req := request{ref: cache.Ref{Kind: cache.Parameter}}
	selected := false
	err := each(query, maxParameters, func(key, value string) error {
		switch key {
		case "name":
			set(&req.ref.ID, value)
		case "version", "label":
			if selected || value == "" {
				return nil
			}
			selected = true
			if key == "version" {
				req.ref.VersionID = value
			} else {
				req.ref.Stage = value
			}
		case "withDecryption":
			var ok bool
			if req.ref.Decrypt, ok = boolean(value, "true", "false"); !ok {
				return errDecryption
			}
		default:
			_, err := req.common(key, value)
			return err
		}
		return nil
	})
	if err == nil && req.ref.ID == "" {
		err = errNoName
	}
	return req, err
}

// parseFailed reads what parseSecret does, but versionId is the version that failed.
func parseFailed(query string) (request, error) {
	req, err := parseSecret(query, false)
	if err == nil && req.ref.VersionID == "" {
		err = errNoVersion
	}
	req.failed, req.ref.VersionID = req.ref.VersionID, ""
	return req, err
}

// common reads the parameters that every value can be asked for with, and reports whether
// this is one.
func (r *request) common(key, value string) (known bool, err error) {
	switch key {
	case "refreshNow":
		r.refresh, err = refreshNow(value)
	case "roleArn":
		if !isRole(value) {
			return true, errRole
		}
		set(&r.ref.Role, value)
	case "failedVersion":
		set(&r.failed, value)
	case "field":
		if value == "" {
			return true, errField
		}
		set(&r.field, value)
	default:
		return false, nil
	}
	return true, err
}

func refreshNow(value string) (bool, error) {
	if yes, ok := boolean(value, "true", "false"); ok {
		return yes, nil
	}
	if yes, ok := boolean(value, "1", "0"); ok {
		return yes, nil
	}
	return false, errRefresh
}

// isRole reports whether s is the ARN of an IAM role, path and name, whatever the
// partition: arn:aws:iam::123456789012:role/path/name.
func isRole(s string) bool {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" {
		return false
	}
	name, ok := strings.CutPrefix(parts[5], "role/")
	return ok && made(parts[1], "-") && made(name, "+=,.@/-") &&
		len(parts[4]) == accountDigits && strings.Trim(parts[4], "0123456789") == ""
}

// accountDigits is the length of an AWS account's id.
const accountDigits = 12

// made reports whether s is made of letters, digits, underscores and these others, one at
// least.
func made(s, others string) bool {
	for _, c := range s {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
		if !letter && !strings.ContainsRune(others, c) {
			return false
		}
	}
	return s != ""
}

// each calls f with the parameters of a query in their order, of which there are most at
// most.
//
// A plus is a plus: names may have one, and no name has a space. Slashes and colons need
// not be encoded.
func each(query string, most int, f func(key, value string) error) error {
	if strings.Count(query, "&") >= most {
		return errTooMany
	}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		var err, err2 error
		key, err = url.PathUnescape(key)
		value, err2 = url.PathUnescape(value)
		if err != nil || err2 != nil {
			return errEscape
		}
		if len(key) > maxNameBytes || len(value) > maxNameBytes {
			return errTooLong
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// set keeps the first value of a parameter that is given twice.
func set(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func boolean(value, yes, no string) (result, ok bool) {
	if strings.EqualFold(value, yes) {
		return true, true
	}
	return false, strings.EqualFold(value, no)
}
