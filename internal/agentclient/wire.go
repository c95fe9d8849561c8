// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agentclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// maxAnswer bounds an agent's answer in bytes: a secret of 64 KiB, each byte escaped as
// \u00xx, and what is around it.
const maxAnswer = 1 << 20

// send makes one request.
func (c *Client) send(ctx context.Context, method string, ref cache.Ref, query url.Values) (cache.Answer, error) {
	path := "/coffer/v1/failed"
	if method == http.MethodGet {
		path = pathOf(ref, query)
	} else {
		query.Set("secretId", ref.ID)
		if ref.Stage != "" {
			query.Set("versionStage", ref.Stage)
		}
		if ref.Role != "" {
			query.Set("roleArn", ref.Role)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return cache.Answer{}, err
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", c.token)
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return cache.Answer{}, &cache.Unavailable{Err: fmt.Errorf("asking the extension: %w", err)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	defer clear(body)
	if err != nil {
		return cache.Answer{}, &cache.Unavailable{Err: fmt.Errorf("asking the extension: %w", err)}
	}
	if res.StatusCode != http.StatusOK {
		return cache.Answer{}, refusal(res, body)
	}
	return decode(ref, res.Header, body)
}

// pathOf returns the path for a ref, and puts what it asks for into the query.
func pathOf(ref cache.Ref, query url.Values) string {
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("roleArn", ref.Role)
	if ref.Kind == cache.Secret {
		set("secretId", ref.ID)
		set("versionId", ref.VersionID)
		set("versionStage", ref.Stage)
		return "/secretsmanager/get"
	}
	set("name", ref.ID)
	set("version", ref.VersionID)
	set("label", ref.Stage)
	set("withDecryption", strconv.FormatBool(ref.Decrypt))
	return "/systemsmanager/parameters/get"
}

// refusal makes an error of an answer. An agent of AWS's does not tell the cause.
func refusal(res *http.Response, body []byte) error {
	text := strings.ToValidUTF8(string(body[:min(len(body), 200)]), "")
	code := res.Header.Get("X-Error-Code")
	if code == "" {
		return fmt.Errorf("the extension answers %d: %s", res.StatusCode, text)
	}
	return api.ErrorCode{Code: code, Status: res.StatusCode}.New(text)
}

// moment is a time in the form of the AWS extension, RFC 3339, or of the Secrets Manager
// Agent, a string of seconds.
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *moment) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil {
		return m.Time.UnmarshalJSON(b)
	}
	m.Time = time.UnixMilli(int64(math.Round(seconds * 1000)))
	return nil
}

// decode reads an answer in the form of the AWS extension or of the Secrets Manager Agent.
func decode(ref cache.Ref, header http.Header, body []byte) (cache.Answer, error) {
	var got struct {
		ARN, Name, VersionID string
		CreatedDate          moment
		SecretString         secret.Text
		SecretBinary         secret.Blob
		VersionStages        []string
		Parameter            struct {
			ARN, Name string
			Type      *string
			Value     secret.Text
			Version   int64
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return cache.Answer{}, errors.New("the extension's answer can't be read")
	}
	a := cache.Answer{Status: cache.Status(header.Get("X-Cache")), Value: cache.Value{
		ARN: got.ARN, Name: got.Name, VersionID: got.VersionID, Stages: got.VersionStages,
		Text: got.SecretString.Value, Binary: got.SecretBinary.Value, Created: got.CreatedDate.Time,
	}}
	if ref.Kind == cache.Parameter {
		a.ARN, a.Name, a.Text = got.Parameter.ARN, got.Parameter.Name, got.Parameter.Value.Value
		a.VersionID = strconv.FormatInt(got.Parameter.Version, 10)
		a.Parameter = &cache.ParameterInfo{Type: got.Parameter.Type, Version: got.Parameter.Version}
	}
	if a.Text.IsZero() && a.Binary.IsZero() {
		return cache.Answer{}, errors.New("the extension's answer has no value")
	}
	if seconds, err := strconv.ParseUint(header.Get("Age"), 10, 31); err == nil {
		a.Age = time.Duration(seconds) * time.Second
	}
	return a, nil
}
