// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

// TestTheAWSSDKAssumesRolesAsWeDo holds the fake of STS and our request against AWS's own
// client: it takes the fake's answer, and sends the form that we send.
func TestTheAWSSDKAssumesRolesAsWeDo(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	theirs, ours := &cloud{now: func() time.Time { return now }}, &cloud{now: func() time.Time { return now }}
	sdk := awssts.New(awssts.Options{
		Region: "eu-west-1", HTTPClient: &http.Client{Transport: theirs},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "s", ""),
	})
	out, err := sdk.AssumeRole(t.Context(), &awssts.AssumeRoleInput{RoleArn: new(reader), RoleSessionName: new("coffer-extension")})
	if err != nil {
		t.Fatal(err)
	}
	if c := out.Credentials; *c.AccessKeyId != "ASIA1" || !c.Expiration.Equal(now.Add(time.Hour)) {
		t.Errorf("the SDK read %+v", c)
	}
	if _, err := key(t, newClient(t, ours), reader); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(theirs.forms, ours.forms); diff != "" {
		t.Errorf("forms (-theirs +ours):\n%s", diff)
	}
	if theirs.host != ours.host {
		t.Errorf("the SDK asks at %s, we at %s", theirs.host, ours.host)
	}
}
