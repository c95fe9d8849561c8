// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// tagged is an entity with tags, by whichever operations.
type tagged struct {
	tag   func(ctx context.Context, c *iam.Client, tags []types.Tag) error
	untag func(ctx context.Context, c *iam.Client, keys ...string) error
	// list returns a page of tags, and the marker of the next one or "".
	list func(ctx context.Context, c *iam.Client, marker string, most int32) ([]types.Tag, string, error)
	// caseless says that keys which differ in case alone are one.
	caseless bool
}

// shown is a list of tags as text.
func shown(list []types.Tag) string {
	var out strings.Builder
	for _, t := range list {
		fmt.Fprintf(&out, "%s=%s ", *t.Key, *t.Value)
	}
	return strings.TrimSpace(out.String())
}

func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// kinds are one entity of each kind that has tags, made in the account of c.
func kinds(t *testing.T, c *iam.Client) map[string]tagged {
	t.Helper()
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("ada")}); err != nil {
		t.Fatal(err)
	}
	makeRole(t, c, "app")
	p, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: new("https://token.example.com")})
	if err != nil {
		t.Fatal(err)
	}
	pol, err := c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: new("all"), PolicyDocument: new(servicetest.Allow("*", "*"))})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]tagged{
		"policy": {
			tag: func(ctx context.Context, c *iam.Client, tags []types.Tag) error {
				_, err := c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: pol.Policy.Arn, Tags: tags})
				return err
			},
			untag: func(ctx context.Context, c *iam.Client, keys ...string) error {
				_, err := c.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: pol.Policy.Arn, TagKeys: keys})
				return err
			},
			list: func(ctx context.Context, c *iam.Client, marker string, most int32) ([]types.Tag, string, error) {
				out, err := c.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: pol.Policy.Arn, Marker: unlessEmpty(marker), MaxItems: &most})
				if err != nil {
					return nil, "", err
				}
				return out.Tags, deref(out.Marker), nil
			},
		},
		"user": {
			tag: func(ctx context.Context, c *iam.Client, tags []types.Tag) error {
				_, err := c.TagUser(ctx, &iam.TagUserInput{UserName: new("ada"), Tags: tags})
				return err
			},
			untag: func(ctx context.Context, c *iam.Client, keys ...string) error {
				_, err := c.UntagUser(ctx, &iam.UntagUserInput{UserName: new("ada"), TagKeys: keys})
				return err
			},
			list: func(ctx context.Context, c *iam.Client, marker string, most int32) ([]types.Tag, string, error) {
				out, err := c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: new("ada"), Marker: unlessEmpty(marker), MaxItems: &most})
				if err != nil {
					return nil, "", err
				}
				return out.Tags, deref(out.Marker), nil
			},
			caseless: true,
		},
		"role": {
			tag: func(ctx context.Context, c *iam.Client, tags []types.Tag) error {
				_, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: new("app"), Tags: tags})
				return err
			},
			untag: func(ctx context.Context, c *iam.Client, keys ...string) error {
				_, err := c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: new("app"), TagKeys: keys})
				return err
			},
			list: func(ctx context.Context, c *iam.Client, marker string, most int32) ([]types.Tag, string, error) {
				out, err := c.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: new("app"), Marker: unlessEmpty(marker), MaxItems: &most})
				if err != nil {
					return nil, "", err
				}
				return out.Tags, deref(out.Marker), nil
			},
			caseless: true,
		},
		"provider": {
			tag: func(ctx context.Context, c *iam.Client, tags []types.Tag) error {
				_, err := c.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: p.OpenIDConnectProviderArn, Tags: tags})
				return err
			},
			untag: func(ctx context.Context, c *iam.Client, keys ...string) error {
				_, err := c.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: p.OpenIDConnectProviderArn, TagKeys: keys})
				return err
			},
			list: func(ctx context.Context, c *iam.Client, marker string, most int32) ([]types.Tag, string, error) {
				out, err := c.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{
					OpenIDConnectProviderArn: p.OpenIDConnectProviderArn, Marker: unlessEmpty(marker), MaxItems: &most,
				})
				if err != nil {
					return nil, "", err
				}
				return out.Tags, deref(out.Marker), nil
			},
		},
	}
}

// all lists an entity's tags, two at a time.
func (k tagged) all(t *testing.T, c *iam.Client) string {
	t.Helper()
	var all []types.Tag
	for marker := ""; ; {
		page, next, err := k.list(t.Context(), c, marker, 2)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); next == "" {
			return shown(all)
		}
		marker = next
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	long := strings.Repeat("\u6771", 128) // what a marker would have no room for
	entities := kinds(t, c)
	for name, k := range entities {
		if err := k.tag(t.Context(), c, tags("Team", "data", "env", "test", "empty", "", long, "x")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := k.tag(t.Context(), c, tags("team", "orders", "env", "prod")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	s.Restart()
	for name, k := range entities {
		want := "empty= env=prod team=orders " + long + "=x"
		if !k.caseless {
			want = "Team=data " + want
		}
		if diff := cmp.Diff(want, k.all(t, c)); diff != "" {
			t.Errorf("%s is tagged with others (-want +got):\n%s", name, diff)
		}
		if err := k.untag(t.Context(), c, "TEAM", "none", "env", long); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want = "empty="
		if !k.caseless {
			want = "Team=data empty= team=orders"
		}
		if diff := cmp.Diff(want, k.all(t, c)); diff != "" {
			t.Errorf("%s has others left (-want +got):\n%s", name, diff)
		}
	}
	user, err := c.GetUser(t.Context(), &iam.GetUserInput{UserName: new("ada")})
	if err != nil || shown(user.User.Tags) != "empty=" {
		t.Errorf("the user has %+v, %v", user, err)
	}
}

func TestTagFaults(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	ctx := t.Context()
	for name, k := range kinds(t, c) {
		var fifty []types.Tag
		for i := range 50 {
			fifty = append(fifty, tags(fmt.Sprintf("k%02d", i), "v")...)
		}
		if err := k.tag(ctx, c, fifty); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := k.tag(ctx, c, tags("k00", "again")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantFault(t, name+": a 51st", k.tag(ctx, c, tags("k50", "v")), "LimitExceeded", "The number of tags has reached the maximum limit.")
		wantFault(t, name+": 51 at once", k.tag(ctx, c, append(fifty[:50:50], tags("k50", "v")...)), "ValidationError", "")
		wantFault(t, name+": a key of AWS's", k.tag(ctx, c, tags("Aws:k", "v")), "InvalidInput", "")
		wantFault(t, name+": a value of AWS's", k.tag(ctx, c, tags("k01", "aws:v")), "InvalidInput", "")
		wantFault(t, name+": a key of other characters", k.tag(ctx, c, tags("k*", "v")), "ValidationError", "")
		twice, message := []types.Tag{{Key: new("k01"), Value: new("a")}, {Key: new("k01"), Value: new("b")}}, "Duplicate tag keys found."
		if k.caseless {
			twice[1].Key, message = new("K01"), message+" Please note that Tag keys are case insensitive."
		}
		wantFault(t, name+": a key twice", k.tag(ctx, c, twice), "InvalidInput", message)
		_, _, err := k.list(ctx, c, "forged", 2)
		wantFault(t, name+": a marker of nobody's", err, "ValidationError", "Invalid Marker.")
	}
	_, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: new("none"), Tags: tags("a", "b")})
	wantFault(t, "tags of none", err, "NoSuchEntity", "The role with name none cannot be found.")
	_, err = c.UntagUser(ctx, &iam.UntagUserInput{UserName: new("none"), TagKeys: []string{"a"}})
	wantFault(t, "no tags of none", err, "NoSuchEntity", "The user with name none cannot be found.")
	_, err = c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: new("arn:aws:iam::123456789012:policy/none"), Tags: tags("a", "b")})
	wantFault(t, "tags of no policy", err, "NoSuchEntity", "Policy arn:aws:iam::123456789012:policy/none was not found.")
}

// TestTagConditions holds that tags of the request and of the entity decide.
func TestTagConditions(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx, callers := t.Context(), 0
	for name, k := range kinds(t, c) {
		if err := k.tag(ctx, c, tags("owner", "eve", "stage", "prod")); err != nil {
			t.Fatal(err)
		}
		for condition, may := range map[string][3]bool{ // to tag, to untag, to list
			`{"StringEquals":{"iam:ResourceTag/owner":"eve"}}`:                   {true, true, true},
			`{"StringEquals":{"aws:ResourceTag/Owner":"ada"}}`:                   {},
			`{"StringEquals":{"aws:RequestTag/stage":"test"}}`:                   {true, false, false},
			`{"StringEquals":{"aws:RequestTag/stage":"prod"}}`:                   {},
			`{"ForAnyValue:StringEquals":{"aws:TagKeys":["stage"]}}`:             {true, true, false},
			`{"ForAllValues:StringEquals":{"aws:TagKeys":["owner"]}}`:            {false, false, true},
			`{"StringEquals":{"aws:PrincipalTag/a":"${aws:ResourceTag/owner}"}}`: {},
		} {
			policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*","Condition":` + condition + `}}`
			eve := iam.NewFromConfig(s.Config(s.User(fmt.Sprint("eve", callers), policy)))
			callers++
			_, _, listed := k.list(ctx, eve, "", 9)
			for i, err := range []error{k.tag(ctx, eve, tags("stage", "test")), k.untag(ctx, eve, "stage"), listed} {
				if may[i] && err != nil {
					t.Errorf("%s with %s: %v", name, condition, err)
				} else if !may[i] {
					wantFault(t, fmt.Sprintf("%s with %s: call %d", name, condition, i), err, "AccessDenied", "")
				}
			}
		}
	}
	untagged := iam.NewFromConfig(s.Config(s.User("maker", servicetest.Allow("*", "iam:Create*"))))
	_, err := untagged.CreateUser(ctx, &iam.CreateUserInput{UserName: new("new"), Tags: tags("a", "b")})
	wantFault(t, "a user with tags", err, "AccessDenied", "")
	_, err = untagged.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: new("https://new.example.com"), Tags: tags("a", "b")})
	wantFault(t, "a provider with tags", err, "AccessDenied", "")
}
