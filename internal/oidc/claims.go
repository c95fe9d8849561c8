// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Claims are what a token says.
type Claims struct {
	// Issuer is iss, and Subject sub.
	Issuer, Subject string
	// Audience is aud, of which there is at least one, and Party azp, which may be empty.
	Audience []string
	Party    string
	// Methods are amr, the ways in which the subject was authenticated.
	Methods []string
	// Expires is exp, IssuedAt iat, and NotBefore nbf, which may be zero.
	Expires, IssuedAt, NotBefore time.Time
	// Tags are the session tags that the issuer passes, Transitive the keys of those which
	// pass on to further roles, and SourceIdentity who is behind the session (IAM User
	// Guide, "Passing session tags in AWS STS"). They may be empty.
	Tags           map[string]string
	Transitive     []string
	SourceIdentity string
	// Others are the further claims that are a string, or a list of strings.
	Others map[string][]string
}

// The claims of AWS's.
const (
	claimTags           = "https://aws.amazon.com/tags"
	claimSourceIdentity = "https://aws.amazon.com/source_identity"
	flatTag             = claimTags + "/principal_tags/"
	flatTransitive      = claimTags + "/transitive_tag_keys"
)

// Audiences are for whom the token is, as AWS counts it: the authorized party if the
// token names one, and the audience otherwise (IAM User Guide, "IAM and AWS STS condition
// context keys", aud).
func (c *Claims) Audiences() []string {
	if c.Party != "" {
		return []string{c.Party}
	}
	return c.Audience
}

func (c *Claims) meantFor(audiences []string) bool {
	return slices.ContainsFunc(c.Audiences(), func(a string) bool { return slices.Contains(audiences, a) })
}

// inTime reports whether the token is good at the time.
func (c *Claims) inTime(now time.Time) error {
	switch {
	case !now.Before(c.Expires.Add(Skew)):
		return &Error{Kind: Expired, At: now, Limit: c.Expires, what: "the token has expired"}
	case now.Add(Skew).Before(c.NotBefore):
		return fault(Early, "the token is not good yet")
	case now.Add(Skew).Before(c.IssuedAt):
		return fault(Early, "the token was issued in the future")
	}
	return nil
}

// read reads the claims of a token.
func (c *Claims) read(raw []byte) error {
	all := map[string]jsontext.Value{}
	if err := unmarshal(raw, &all); err != nil {
		return err
	}
	r := reader{claims: all}
	c.Issuer, c.Subject = r.text("iss", true), r.text("sub", true)
	c.Audience, c.Party, c.Methods = r.texts("aud"), r.text("azp", false), r.texts("amr")
	c.Expires, c.IssuedAt, c.NotBefore = r.time("exp", true), r.time("iat", true), r.time("nbf", false)
	c.SourceIdentity = r.text(claimSourceIdentity, false)
	if len(c.Audience) == 0 {
		r.fail("aud")
	}
	c.readTags(&r)
	if r.wrong != "" {
		return fault(Malformed, "the claim "+r.wrong+" is missing, or is not what it should be")
	}
	c.Others = r.others()
	return nil
}

// readTags reads session tags in either of their documented forms: within one claim, or
// with a claim for each.
func (c *Claims) readTags(r *reader) {
	c.Tags = map[string]string{}
	if raw := r.take(claimTags); raw != nil {
		var nested struct {
			Tags       map[string]jsontext.Value `json:"principal_tags"`
			Transitive []string                  `json:"transitive_tag_keys"`
		}
		if json.Unmarshal(raw, &nested) != nil {
			r.fail(claimTags)
		}
		for key, raw := range nested.Tags {
			c.addTag(r, key, raw)
		}
		c.Transitive = nested.Transitive
	}
	for _, name := range slices.Collect(maps.Keys(r.claims)) {
		if key, ok := strings.CutPrefix(name, flatTag); ok {
			c.addTag(r, key, r.take(name))
		}
	}
	c.Transitive = append(c.Transitive, r.texts(flatTransitive)...)
	if len(c.Tags) == 0 {
		c.Tags = nil
	}
}

// addTag adds a tag, which has one value.
func (c *Claims) addTag(r *reader, key string, raw jsontext.Value) {
	values, ok := asTexts(raw)
	if _, twice := c.Tags[key]; !ok || len(values) != 1 || twice {
		r.fail(claimTags)
		return
	}
	c.Tags[key] = values[0]
}

// reader takes claims out of a token, and remembers the first that is wrong.
type reader struct {
	claims map[string]jsontext.Value
	wrong  string
}

func (r *reader) fail(claim string) {
	if r.wrong == "" {
		r.wrong = claim
	}
}

// take returns a claim, or nil, and leaves it out of the others.
func (r *reader) take(name string) jsontext.Value {
	raw := r.claims[name]
	delete(r.claims, name)
	return raw
}

func (r *reader) text(name string, required bool) (text string) {
	raw := r.take(name)
	if raw == nil && !required {
		return ""
	}
	if raw.Kind() != '"' || json.Unmarshal(raw, &text) != nil || text == "" {
		r.fail(name)
	}
	return text
}

// texts returns a claim that may be one string or several.
func (r *reader) texts(name string) []string {
	raw := r.take(name)
	if raw == nil {
		return nil
	}
	all, ok := asTexts(raw)
	if !ok || slices.Contains(all, "") {
		r.fail(name)
	}
	return all
}

func asTexts(raw jsontext.Value) (all []string, ok bool) {
	switch raw.Kind() {
	case '"':
		all = []string{""}
		ok = json.Unmarshal(raw, &all[0]) == nil
	case '[':
		var values []jsontext.Value
		ok = json.Unmarshal(raw, &values) == nil
		for _, v := range values {
			var text string
			ok = ok && v.Kind() == '"' && json.Unmarshal(v, &text) == nil
			all = append(all, text)
		}
	}
	return all, ok
}

// time returns a claim in seconds since 1970, which AWS wants whole (STS API Reference,
// AssumeRoleWithWebIdentity).
func (r *reader) time(name string, required bool) time.Time {
	raw := r.take(name)
	if raw == nil && !required {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || seconds < 0 || seconds > math.MaxInt32*100 { // the year 8775: far from what time.Time can't have
		r.fail(name)
	}
	return time.Unix(seconds, 0)
}

// others are the claims that were not taken, as far as a condition can ask for them.
func (r *reader) others() map[string][]string {
	out := map[string][]string{}
	for name, raw := range r.claims {
		if values, ok := asTexts(raw); ok {
			out[name] = values
		}
	}
	return out
}
