// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const accountARN = "arn:aws:iam::" + servicetest.Account + ":"

// allowing is the document of a policy that allows the action.
func allowing(action string) string { return servicetest.Allow("*", action) }

// decoded is a document as it was before it was answered, which was right.
func decoded(document *string, right bool) (string, error) {
	if !right {
		return "", errors.New("the answer is about something else")
	}
	return url.PathUnescape(*document)
}

// next is the marker of the next page, which there is if the list is truncated.
func next(truncated bool, marker *string) *string {
	if truncated != (marker != nil) {
		panic("a marker without a next page, or a next page without a marker")
	}
	return marker
}

func arns(attached []types.AttachedPolicy) (names []string) {
	for _, p := range attached {
		names = append(names, *p.PolicyArn)
	}
	return names
}

// pages are the pages of a list, two entries at a time, each read with the marker of the
// one before.
func pages[T any](t *testing.T, read func(marker *string, most *int32) ([]T, *string, error)) (all [][]T) {
	t.Helper()
	var marker *string
	for {
		page, following, err := read(marker, new(int32(2)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page)
		if marker = following; marker == nil {
			return all
		}
	}
}

// refused holds that an error is that answer: its code and its message.
func refused(t *testing.T, err error, code, message string) {
	t.Helper()
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorCode() != code || answer.ErrorMessage() != message {
		t.Errorf("answered %v, want %s: %s", err, code, message)
	}
}

// must ends the test if something that is no part of what it is about fails.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// managed makes a managed policy, and returns its ARN.
func managed(t *testing.T, c *iam.Client, path, name, document string) string {
	t.Helper()
	out, err := c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, Path: &path, PolicyDocument: &document})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Policy.Arn
}

// tags are tags by their keys and values.
func tags(keysAndValues ...string) (all []types.Tag) {
	for i := 0; i < len(keysAndValues); i += 2 {
		all = append(all, types.Tag{Key: &keysAndValues[i], Value: &keysAndValues[i+1]})
	}
	return all
}

// configured makes the user one of the configuration file's.
func configured(t *testing.T, s *servicetest.Server, h holders) holders {
	t.Helper()
	if _, err := s.Store.Update(t.Context(), func(tx kv.Tx) error {
		p, err := s.Directory.Principals.Get(tx, servicetest.Account, string(identity.User), h.name)
		if err != nil {
			return err
		}
		changed := *p
		changed.From = "configuration file"
		return s.Directory.Principals.Put(tx, &changed, servicetest.Account, string(identity.User), h.name)
	}); err != nil {
		t.Fatal(err)
	}
	return h
}
