// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// service writes the value that describes the service.
func (g *generator) service(b *bytes.Buffer) error {
	if err := g.declare("Service"); err != nil {
		return err
	}
	protocol, namespace := "api.JSON", ""
	if g.Metadata.Protocol == "query" {
		protocol = "api.Query"
		namespace = fmt.Sprintf("https://%s.amazonaws.com/doc/%s/", g.Metadata.EndpointPrefix, g.Metadata.APIVersion)
	}
	fmt.Fprintf(b, "// Service is %s.\nvar Service = &api.Service{\n", g.title)
	for _, field := range []struct{ name, value string }{
		{"Name", cmp.Or(g.Metadata.SigningName, g.Metadata.EndpointPrefix)},
		{"Title", g.title},
		{"Version", g.Metadata.APIVersion},
		{"TargetPrefix", g.Metadata.TargetPrefix},
		{"Namespace", namespace},
	} {
		if field.value != "" {
			fmt.Fprintf(b, "\t%s: %q,\n", field.name, field.value)
		}
		if field.name == "Title" {
			fmt.Fprintf(b, "\tProtocol: %s,\n", protocol)
		}
	}
	b.WriteString("\tOperations: []string{\n")
	for _, name := range g.operationNames() {
		fmt.Fprintf(b, "\t\t%q,\n", name)
	}
	b.WriteString("\t},\n}\n")
	return nil
}

// operations writes one Op for each operation, and the errors that each declares.
func (g *generator) operations(b *bytes.Buffer) error {
	for _, name := range g.operationNames() {
		if err := g.declare(name); err != nil {
			return err
		}
		fmt.Fprintf(b, "// %s is the operation %s:%s.\n", name, g.pkg, name)
		fmt.Fprintf(b, "var %[1]s = api.Op[%[1]sInput, %[1]sOutput]{Service: Service, Name: %[1]q}\n\n", name)
	}
	if err := g.declare("OperationErrors"); err != nil {
		return err
	}
	b.WriteString("// OperationErrors returns the errors that the model declares for an operation, beside\n")
	b.WriteString("// those that any operation may answer. It is nil for an operation that declares none.\n")
	b.WriteString("func OperationErrors(operation string) []api.ErrorCode {\n\tswitch operation {\n")
	for _, name := range g.operationNames() {
		errors := slices.Sorted(slices.Values(g.Operations[name].Errors))
		if len(errors) > 0 {
			fmt.Fprintf(b, "\tcase %q:\n\t\treturn []api.ErrorCode{%s}\n", name, strings.Join(errors, ", "))
		}
	}
	b.WriteString("\t}\n\treturn nil\n}\n")
	return nil
}

// errors writes the error codes.
func (g *generator) errors(b *bytes.Buffer) error {
	for _, name := range slices.Sorted(maps.Keys(g.Shapes)) {
		s := g.Shapes[name]
		if !s.Exception {
			continue
		}
		if err := g.declare(name); err != nil {
			return err
		}
		code, status := name, 400
		if s.Fault {
			status = 500
		}
		if s.Error != nil {
			code, status = cmp.Or(s.Error.Code, code), cmp.Or(s.Error.HTTPStatusCode, status)
		}
		message := ""
		for _, member := range s.Members {
			if strings.EqualFold(member.name, "message") {
				message = member.name
			}
		}
		fmt.Fprintf(b, "// %s is the error %s, with status %d.\n", name, code, status)
		fmt.Fprintf(b, "var %s = api.ErrorCode{Code: %q, Status: %d", name, code, status)
		if message != "" {
			fmt.Fprintf(b, ", Member: %q", message)
		}
		b.WriteString("}\n\n")
	}
	return nil
}

// enums writes the values of enumerations as constants. They are strings, as the
// members are: AWS adds values, and a type would promise that it does not.
func (g *generator) enums(b *bytes.Buffer) error {
	for _, name := range slices.Sorted(maps.Keys(g.Shapes)) {
		s := g.Shapes[name]
		if len(s.Enum) == 0 {
			continue
		}
		fmt.Fprintf(b, "// Values of %s.\nconst (\n", name)
		for _, value := range s.Enum {
			constant := upperFirst(name) + camel(value)
			if err := g.declare(constant); err != nil {
				return err
			}
			fmt.Fprintf(b, "\t%s = %q\n", constant, value)
		}
		b.WriteString(")\n\n")
	}
	return nil
}

// initialisms stay in capitals in the names of constants.
var initialisms = strings.Fields("AES AWS DSA ECC ECDH ECDSA HMAC HSM ID KMS MAC ML NIST OAEP PH PSS RSA RSAES RSASSA SECG SHA TLS VPC XKS")

// camel turns an enumeration's value into a part of a Go name: SYMMETRIC_DEFAULT is
// SymmetricDefault. Initialisms and parts with digits stay as they are: RSA_2048 is
// RSA2048.
func camel(value string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r > 127 || !isAlphanumeric(byte(r)) }) {
		capitals := part == strings.ToUpper(part) && !strings.ContainsAny(part, "0123456789")
		if capitals && !slices.Contains(initialisms, part) {
			part = strings.ToLower(part)
		}
		b.WriteString(upperFirst(part))
	}
	return b.String()
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
