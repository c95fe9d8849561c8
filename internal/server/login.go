// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/awsidentity"
	cofferservice "github.com/coffer-secrets/coffer/internal/service/coffer"
)

// LoginConfig is the part login of the configuration file.
type LoginConfig struct {
	AWS *AWSLoginConfig `yaml:"aws"`
}

// AWSLoginConfig is who gets a session by proving who it is in AWS.
type AWSLoginConfig struct {
	// STSEndpoint is where AWS STS is asked. Empty means the global endpoint.
	STSEndpoint string `yaml:"sts-endpoint"`
	// ServerID is the name that signed requests must have for this server.
	ServerID string `yaml:"server-id"`
	// Roles are tried in their order.
	Roles []AWSRoleConfig `yaml:"roles"`
}

// AWSRoleConfig lets principals of AWS's have sessions of a role here.
type AWSRoleConfig struct {
	// Principal is the ARN of a role or user in AWS, with * and ? in its name.
	Principal string `yaml:"principal"`
	// Role is the name of a role of the configuration's account, or the ARN of a role.
	Role string `yaml:"role"`
}

// logins returns who gets a session without a key.
func (c *Config) logins(now func() time.Time) (l cofferservice.Logins, err error) {
	aws := c.Login.AWS
	if aws == nil {
		return l, nil
	}
	if l.AWS, err = awsidentity.New(awsidentity.Config{Endpoint: aws.STSEndpoint, ServerID: aws.ServerID, Now: now}); err != nil {
		return l, fmt.Errorf("login, aws: %w", err)
	}
	for i, r := range aws.Roles {
		role := cofferservice.AWSRole{Principal: r.Principal, Role: r.Role}
		if !strings.HasPrefix(r.Role, "arn:") {
			role.Role = arn.ARN{Partition: "aws", Service: "iam", Account: c.Account, Resource: "role/" + r.Role}.String()
		}
		if err := role.Check(); err != nil {
			return l, fmt.Errorf("login, aws, roles, entry %d: %w", i+1, err)
		}
		l.Roles = append(l.Roles, role)
	}
	return l, nil
}
