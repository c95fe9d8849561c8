// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
)

// The messages that IAM's MalformedPolicyDocument error carries. Those with a verb
// take the offending text.
const (
	msgSyntax       = "Syntax errors in policy."
	msgLegacy       = "The policy failed legacy parsing"
	msgPrincipal    = "Policy document should not specify a principal."
	msgNoPrincipal  = "Missing required field Principal"
	msgBadPrincipal = `Invalid principal in policy: "%s":"%s"`
	msgSidUnique    = "Statement IDs (SID) in a single policy must be unique."
	msgSidCharset   = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	msgNoActions    = "Policy statement must contain actions."
	msgNoResources  = "Policy statement must contain resources."
	msgNoVendor     = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	msgColons       = "Actions/Condition can contain only one colon."
	msgVendor       = "Vendor %s is not valid"
	msgNotARN       = `Resource %s must be in ARN format or "*".`
	msgPartition    = `Partition "%s" is not valid for resource "%s".`
	msgResourceVend = "Resource vendor must be fully qualified and cannot contain regexes."
)

// MalformedError says why a document is not a policy: what AWS calls
// MalformedPolicyDocument.
type MalformedError struct {
	// Message is the one that AWS's API answers. It may quote the document.
	Message string
	// Element is where the fault is, for example Statement[2].Action, and is empty
	// if it is the document as a whole.
	Element string
	// Detail is our own word on the fault where AWS's message says little. It may be
	// empty.
	Detail string
}

// Error implements error.
func (e *MalformedError) Error() string {
	return "policy: " + where(e.Element) + e.Message + detail(e.Detail)
}

// Part names the element at fault without its place: "Principal", "Action",
// "Condition" and so on, "Statement" if it is a statement as a whole, and nothing if it
// is the document.
func (e *MalformedError) Part() string {
	part, rest, found := strings.Cut(e.Element, ".")
	if found {
		part, _, _ = strings.Cut(rest, ".")
	}
	part, _, _ = strings.Cut(part, "[")
	return part
}

// clip cuts a name that a document chose, so that errors stay short.
func clip(name string) string { return fmt.Sprintf("%.64s", name) }

func where(element string) string {
	if element == "" {
		return ""
	}
	return element + ": "
}

func detail(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func syntaxError(element, format string, args ...any) *MalformedError {
	return &MalformedError{Message: msgSyntax, Element: element, Detail: fmt.Sprintf(format, args...)}
}

func malformed(element, message string) error {
	return &MalformedError{Message: message, Element: element}
}
