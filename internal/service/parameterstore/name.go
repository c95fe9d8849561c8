// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
)

// What names may be: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html#sysman-parameter-name-constraints
const (
	// maxLevels is the depth of a hierarchy, the name itself included.
	maxLevels = 15
	// maxARN is the length of a parameter's ARN, in characters.
	maxARN = 1011
)

// The messages of AWS about names.
const (
	msgName = `Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of ` +
		`sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`
	msgPrefix    = `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`
	msgQualified = "Parameter name must be a fully qualified name."
	msgSelector  = "Invalid parameter name. Please use correct syntax for referencing a version/label  <name>:<version/label>"
	msgPath      = `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". ` +
		`It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: ` +
		`. (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, ` +
		`must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`
)

// secretPrefix begins the names that mean secrets of Secrets Manager:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
const secretPrefix = "/aws/reference/secretsmanager/"

// reference is what a request calls a parameter.
type reference struct {
	// asked is the reference as it is in the request.
	asked string
	// name is the name as it was asked for. Empty if it was asked for by ARN.
	name string
	// key is the canonical name: without a leading slash.
	key string
	// selector is a version's number or a label. Empty means the current version.
	selector string
	// arn is the parameter's.
	arn string
	// account is whose parameter it is. A name means one of the caller's.
	account string
	// elsewhere says that the ARN is of another region.
	elsewhere bool
}

// secret is the id of the secret that is meant, or empty.
func (ref *reference) secret() string {
	id, ok := strings.CutPrefix(ref.name, secretPrefix)
	if !ok {
		return ""
	}
	return id
}

// shown is the name to answer with: as it was asked for, or as it was created.
func (ref *reference) shown(p *Parameter) string {
	if ref.name != "" {
		return ref.name
	}
	return p.Name
}

// notFound is the answer about a parameter that does not exist.
func (ref *reference) notFound() error {
	return ssm.ParameterNotFound.Newf("Parameter %s not found.", ref.asked)
}

// refer reads a reference: a name or an ARN, with a selector or without.
func refer(call *gate.Call, asked string) (*reference, error) {
	ref := &reference{asked: asked, account: call.Account}
	text := strings.Trim(asked, " ")
	if arn.IsARN(text) {
		return ref, ref.readARN(call, text)
	}
	name, selector, err := cutSelector(text)
	if err != nil {
		return nil, err
	}
	ref.name, ref.selector, ref.key = name, selector, strings.TrimPrefix(name, "/")
	ref.arn = parameterARN(call, ref.key)
	if ref.secret() == "" && !readable(name) {
		return nil, api.ValidationException.New(msgName)
	}
	return ref, nil
}

func (ref *reference) readARN(call *gate.Call, text string) error {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "ssm" {
		return api.ValidationException.New(msgName)
	}
	resource, selector, err := cutSelector(a.Resource)
	if err != nil {
		return err
	}
	key, ok := strings.CutPrefix(resource, "parameter/")
	if !ok || !readable("/"+key) {
		return api.ValidationException.New(msgName)
	}
	ref.key, ref.selector = key, selector
	ref.account = a.Account
	ref.elsewhere = a.Region != call.Region || a.Partition != call.Partition()
	a.Resource = resource
	ref.arn = a.String()
	return nil
}

// cutSelector splits a name from the version or label after its colon.
func cutSelector(text string) (name, selector string, err error) {
	name, selector, found := strings.Cut(text, ":")
	if found && (selector == "" || strings.Contains(selector, ":")) {
		return "", "", api.ValidationException.New(msgSelector)
	}
	return name, selector, nil
}

// readable reports whether a parameter, of AWS's own too, may have that name.
func readable(name string) bool {
	key := strings.TrimPrefix(name, "/")
	return wellFormed(key) && (strings.HasPrefix(name, "/") || !strings.Contains(key, "/")) && !hasPrefixFold(key, "ssm")
}

// wellFormed reports whether the levels are of the allowed characters, and none is empty.
func wellFormed(key string) bool {
	for level := range strings.SplitSeq(key, "/") {
		if level == "" {
			return false
		}
		for i := range len(level) {
			if !isNameByte(level[i]) {
				return false
			}
		}
	}
	return true
}

// isNameByte reports whether names and labels may have that character.
func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_'
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// creatable returns the name and the canonical name of a parameter to be put.
func creatable(call *gate.Call, asked string) (name, key string, err error) {
	name = strings.Trim(asked, " ")
	key = strings.TrimPrefix(name, "/")
	hierarchy := strings.Contains(key, "/")
	switch {
	case hierarchy && hasPrefixFold(key, "aws"):
		err = api.AccessDeniedException.Newf("No access to reserved parameter name: %s.", key)
	case !hierarchy && (hasPrefixFold(key, "aws") || hasPrefixFold(key, "ssm")):
		err = api.ValidationException.New(msgPrefix)
	case !wellFormed(key) || hasPrefixFold(key, "ssm"):
		err = api.ValidationException.New(msgName)
	case hierarchy && name == key:
		err = api.ValidationException.New(msgQualified)
	case strings.Count(key, "/") >= maxLevels:
		err = ssm.HierarchyLevelLimitExceededException.Newf("A hierarchy can have a maximum of %d levels.", maxLevels)
	case len(parameterARN(call, key)) > maxARN:
		err = api.ValidationException.Newf("Parameter name: the parameter's ARN, which ends with the name, can have at most %d characters.", maxARN)
	}
	return name, key, err
}
