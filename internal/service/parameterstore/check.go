// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"regexp"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// The data types: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
const (
	dataTypeText        = "text"
	dataTypeImage       = "aws:ec2:image"
	dataTypeIntegration = "aws:ssm:integration"
)

const (
	msgEmptyValue = "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1."
	msgNesting    = `Parameter value can't nest another parameter. Do not use "{{}}" in the value.`
	msgImage      = "The parameter value is not a valid Amazon Machine Image (AMI) ID. The required format is ami-12345abcdeEXAMPLE."
)

var (
	nesting   = regexp.MustCompile(`\{\{.*\}\}`)
	imageForm = regexp.MustCompile(`^ami-[0-9A-Za-z]{8,17}$`)
)

// checkValue refuses a value that v's settings don't allow. No value is in an error.
func checkValue(v *Version, value secret.Value) error {
	switch {
	case value.Len() == 0:
		return api.ValidationException.New(msgEmptyValue)
	case nesting.Match(value.Reveal()):
		return api.ValidationException.New(msgNesting)
	}
	if err := checkDataType(v, value); err != nil {
		return err
	}
	return checkPattern(v, value)
}

// checkDataType checks at once what AWS checks of an image after the answer: the
// form of its id.
func checkDataType(v *Version, value secret.Value) error {
	switch v.DataType {
	case dataTypeText, dataTypeIntegration:
		return nil
	case dataTypeImage:
		if v.Type != ssm.ParameterTypeString {
			return api.ValidationException.Newf("The %s data type is not supported for the following input type: %s", v.DataType, v.Type)
		}
		if !imageForm.Match(value.Reveal()) {
			return api.ValidationException.New(msgImage)
		}
		return nil
	}
	return api.ValidationException.Newf("The following data type is not supported: %s (Data type names are all lowercase.)", v.DataType)
}

// checkPattern matches the whole value, or each item of a StringList. Patterns are
// RE2's: Java's lookaround and back references, which AWS takes, are refused as
// invalid, because nothing bounds the time that they take.
func checkPattern(v *Version, value secret.Value) error {
	if v.AllowedPattern == "" {
		return nil
	}
	_, err := regexp.Compile(v.AllowedPattern) // by itself, lest it close the group below
	pattern, wrapped := regexp.Compile(`\A(?:` + v.AllowedPattern + `)\z`)
	if err != nil || wrapped != nil {
		return ssm.InvalidAllowedPatternException.New("The request doesn't meet the regular expression requirement.")
	}
	items := []string{value.RevealString()}
	if v.Type == ssm.ParameterTypeStringList {
		items = strings.Split(items[0], ",")
	}
	for _, item := range items {
		if !pattern.MatchString(item) {
			return ssm.ParameterPatternMismatchException.Newf("Parameter value, cannot be validated against allowedPattern: %s", v.AllowedPattern)
		}
	}
	return nil
}
