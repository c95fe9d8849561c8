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
}

// maxParameters bounds the parameters of a query. The most that mean something are five.
const maxParameters = 16

var (
	errNoSecretID = errors.New("missing parameter secretId")
	errNoName     = errors.New("missing parameter name")
	errNoVersion  = errors.New("missing parameter versionId")
	errTooLong    = errors.New("a parameter is too long")
	errTooMany    = errors.New("too many parameters")
	errEscape     = errors.New("a parameter is not properly encoded")
	errDecryption = errors.New("invalid withDecryption value")
	errRefresh    = errors.New("invalid refreshNow value")
	errRole       = errors.New("roleArn is not supported")
)

// parseSecret reads secretId, versionId, versionStage.
func parseSecret(query string) (request, error) {
	req := request{ref: cache.Ref{Kind: cache.Secret}}
	err := each(query, func(key, value string) error {
		switch key {
		case "secretId":
			set(&req.ref.ID, value)
		case "versionId":
			set(&req.ref.VersionID, value)
		case "versionStage":
			set(&req.ref.Stage, value)
		default:
			return req.common(key, value)
		}
		return nil
	})
	if err == nil && req.ref.ID == "" {
		err = errNoSecretID
	}
	return req, err
}

// parseParameter reads name, version, label and withDecryption. Of version and label the
// first one counts.
func parseParameter(query string) (request, error) {
	req := request{ref: cache.Ref{Kind: cache.Parameter}}
	selected := false
	err := each(query, func(key, value string) error {
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
			return req.common(key, value)
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
	req, err := parseSecret(query)
	if err == nil && req.ref.VersionID == "" {
		err = errNoVersion
	}
	req.failed, req.ref.VersionID = req.ref.VersionID, ""
	return req, err
}

// common reads the parameters that every path has. One that is not known is ignored.
func (r *request) common(key, value string) error {
	switch key {
	case "refreshNow":
		var ok bool
		if r.refresh, ok = boolean(value, "true", "false"); ok {
			return nil
		}
		if r.refresh, ok = boolean(value, "1", "0"); !ok {
			return errRefresh
		}
	case "roleArn":
		return errRole
	}
	return nil
}

// each calls f with the parameters of a query in their order.
//
// A plus is a plus: names may have one, and no name has a space. Slashes and colons need
// not be encoded.
func each(query string, f func(key, value string) error) error {
	if strings.Count(query, "&") >= maxParameters {
		return errTooMany
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		var err, err2 error
		key, err = url.PathUnescape(key)
		value, err2 = url.PathUnescape(value)
		if err != nil || err2 != nil {
			return errEscape
		}
		if len(value) > maxNameBytes {
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
