// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestAccountAlias(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	has := func(want ...string) {
		t.Helper()
		out, err := c.ListAccountAliases(ctx, nil)
		if err != nil || len(out.AccountAliases) != len(want) || len(want) > 0 && out.AccountAliases[0] != want[0] || out.IsTruncated {
			t.Errorf("the account has %+v, %v, want %v", out, err, want)
		}
	}
	create := func(c *iam.Client, alias string) error {
		_, err := c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: &alias})
		return err
	}
	remove := func(alias string) error {
		_, err := c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: &alias})
		return err
	}
	has()
	wantFault(t, "no alias", remove("one"), "NoSuchEntity", "")
	for _, alias := range []string{"one", "two"} { // the second in the place of the first
		if err := create(c, alias); err != nil {
			t.Fatal(err)
		}
		has(alias)
	}
	elsewhere := iam.NewFromConfig(s.Config(s.UserIn("999999999999", "eve", servicetest.Allow("*", "*"))))
	wantFault(t, "another account's", create(elsewhere, "two"), "EntityAlreadyExists", "The account alias two already exists.")
	if err := create(elsewhere, "one"); err != nil {
		t.Errorf("an alias that is free again: %v", err)
	}
	wantFault(t, "its own again", create(c, "two"), "EntityAlreadyExists", "The account alias two already exists.")
	wantFault(t, "two hyphens", create(c, "a--b"), "ValidationError", "")
	wantFault(t, "another's to delete", remove("one"), "NoSuchEntity", "")
	s.Restart()
	has("two")
	if err := remove("two"); err != nil {
		t.Error(err)
	}
	has()
}

func TestAccountSummary(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	makeRole(t, c, "one")
	makeRole(t, c, "two")
	makeUsers(t, c, "ada")
	makeProvider(t, c)
	if _, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("devs")}); err != nil {
		t.Fatal(err)
	}
	s.UserIn("999999999999", "eve")
	out, err := c.GetAccountSummary(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int32{
		"Roles": 2, "RolesQuota": 1000, "Users": 1, "UsersQuota": 5000, "Groups": 1, "GroupsQuota": 300, "Providers": 1, "Policies": 0,
		"PolicyVersionsInUse": 0, "AccountAccessKeysPresent": 1, "AccountMFAEnabled": 0, "AccessKeysPerUserQuota": 2, "AssumeRolePolicySizeQuota": 2048,
		"UserPolicySizeQuota": 2048, "GroupPolicySizeQuota": 5120, "RolePolicySizeQuota": 10240, "PolicySizeQuota": 6144, "VersionsPerPolicyQuota": 5,
	} {
		if got, ok := out.SummaryMap[key]; !ok || got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
}

// TestAbsent holds that there is nothing of what is not served, of users who are there.
func TestAbsent(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ada := iam.NewFromConfig(s.Config(s.User("ada", servicetest.Allow("arn:aws:iam::123456789012:user/ada", "iam:*"))))
	for name, list := range map[string]func(ctx context.Context, c *iam.Client, user *string) (int, error){
		"MFA devices": func(ctx context.Context, c *iam.Client, user *string) (int, error) {
			out, err := c.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: user})
			if err != nil {
				return 0, err
			}
			return len(out.MFADevices), nil
		},
		"SSH keys": func(ctx context.Context, c *iam.Client, user *string) (int, error) {
			out, err := c.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: user})
			if err != nil {
				return 0, err
			}
			return len(out.SSHPublicKeys), nil
		},
		"certificates": func(ctx context.Context, c *iam.Client, user *string) (int, error) {
			out, err := c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: user})
			if err != nil {
				return 0, err
			}
			return len(out.Certificates), nil
		},
		"credentials of a service": func(ctx context.Context, c *iam.Client, user *string) (int, error) {
			out, err := c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: user})
			if err != nil {
				return 0, err
			}
			return len(out.ServiceSpecificCredentials), nil
		},
	} {
		for _, c := range []*iam.Client{c, ada} {
			for _, user := range []*string{nil, new("ada")} {
				if n, err := list(t.Context(), c, user); err != nil || n != 0 {
					t.Errorf("%s: %d, %v", name, n, err)
				}
			}
		}
		_, err := list(t.Context(), c, new("none"))
		wantFault(t, name+" of none", err, "NoSuchEntity", "The user with name none cannot be found.")
		_, err = list(t.Context(), ada, new("none"))
		wantFault(t, name+" of another", err, "AccessDenied", "")
	}
	devices, err := c.ListVirtualMFADevices(t.Context(), nil)
	if err != nil || len(devices.VirtualMFADevices) != 0 {
		t.Errorf("virtual devices: %+v, %v", devices, err)
	}
	_, err = ada.ListVirtualMFADevices(t.Context(), nil)
	wantFault(t, "virtual devices", err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:ListVirtualMFADevices on resource: arn:aws:iam::123456789012:mfa/ because no identity-based policy allows the iam:ListVirtualMFADevices action")
	_, err = c.GetLoginProfile(t.Context(), &iam.GetLoginProfileInput{UserName: new("ada")})
	wantFault(t, "a password", err, "NoSuchEntity", "Login Profile for User ada cannot be found.")
	_, err = c.DeleteLoginProfile(t.Context(), &iam.DeleteLoginProfileInput{UserName: new("ada")})
	wantFault(t, "a password to delete", err, "NoSuchEntity", "Login Profile for User ada cannot be found.")
	_, err = c.DeleteLoginProfile(t.Context(), &iam.DeleteLoginProfileInput{UserName: new("none")})
	wantFault(t, "a password of none", err, "NoSuchEntity", "The user with name none cannot be found.")
}
