// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"embed"
	"encoding/json"
	"fmt"
)

// AWSAccount stands in the ARNs of the policies that AWS manages in the place of an
// account: arn:aws:iam::aws:policy/AdministratorAccess.
const AWSAccount = "aws"

// awsFiles are the policies that AWS manages, as it publishes them (AWS Managed Policy
// Reference): index.json is what they are, and each document is there word for word.
//
//go:embed awsmanaged/*.json
var awsFiles embed.FS

// awsManaged reads the policies that AWS manages, as far as they are here, in the order
// of the index. Of each there is the version that holds.
func awsManaged() ([]*ManagedPolicy, error) {
	index, err := awsFiles.ReadFile("awsmanaged/index.json")
	if err != nil {
		return nil, err
	}
	var all []*ManagedPolicy
	if err := json.Unmarshal(index, &all); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	for _, p := range all {
		document, err := awsFiles.ReadFile("awsmanaged/" + p.Name + ".json")
		if err != nil {
			return nil, err
		}
		p.Account = AWSAccount
		p.Versions = []PolicyVersion{{ID: p.Default, Document: string(document), Created: p.Updated}}
	}
	return all, nil
}
