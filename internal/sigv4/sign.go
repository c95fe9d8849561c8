// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signing says with what, for what and when a request is signed.
type Signing struct {
	Credentials Credentials
	Region      string
	Service     string // the signing name, such as "secretsmanager"
	Time        time.Time
}

// A Signer signs requests. The zero value is ready; it keeps the keys it derived,
// in bounds. It is safe for concurrent use, and must not be copied.
type Signer struct {
	keys keyCache
}

// Sign signs a request in its headers, as the AWS SDKs do: it sets X-Amz-Date,
// X-Amz-Security-Token (or removes it, if there is no session) and Authorization.
// The body is the request's whole body, which Sign does not touch. What Sign leaves
// unsigned may change on the way: User-Agent, Expect, Transfer-Encoding and
// X-Amzn-Trace-Id. An error leaves the request unsigned.
func (s *Signer) Sign(req *http.Request, body []byte, with Signing) error {
	if err := with.check(); err != nil {
		return err
	}
	m := with.message(req, body)
	var rawQuery string
	m.path, rawQuery = target(req)
	var err error
	if m.query, err = parseQuery(rawQuery); err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	sortParams(m.query)

	if req.Header == nil {
		req.Header = make(http.Header)
	}
	delete(req.Header, "Authorization")
	req.Header["X-Amz-Date"] = []string{m.stamp}
	delete(req.Header, "X-Amz-Security-Token")
	if token := with.Credentials.SessionToken; token != "" {
		req.Header["X-Amz-Security-Token"] = []string{token}
	}
	if m.names, err = signedNames(req); err != nil {
		return err
	}
	signature := s.sign(&m, with.Credentials)
	b := make([]byte, 0, 320)
	b = append(b, algorithm+" Credential="...)
	b = append(b, with.Credentials.AccessKeyID...)
	b = append(b, '/')
	b = m.scope.append(b)
	b = append(b, ", SignedHeaders="...)
	b = append(b, m.names...)
	b = append(b, ", Signature="...)
	b = append(b, signature[:]...)
	req.Header["Authorization"] = []string{string(b)}
	return nil
}

// Presign returns the request's URL with a signature in its query, valid
// from the time of signing for so long: whole seconds, MaxExpires at most, and zero
// leaves it to the service. It does not change the request. Who uses the URL must
// send the request's headers too.
func (s *Signer) Presign(req *http.Request, body []byte, with Signing, expires time.Duration) (string, error) {
	if err := with.check(); err != nil {
		return "", err
	}
	if expires < 0 || expires > MaxExpires || expires%time.Second != 0 {
		return "", fmt.Errorf("presigning: can't be valid for %v: whole seconds, %v at most", expires, MaxExpires)
	}
	m := with.message(req, body)
	var rawQuery string
	m.path, rawQuery = target(req)
	var err error
	if m.names, err = signedNames(req); err != nil {
		return "", err
	}
	if m.query, err = parseQuery(rawQuery); err != nil {
		return "", fmt.Errorf("presigning: %w", err)
	}
	if _, ok := find(m.query, "X-Amz-Algorithm"); ok {
		return "", errors.New("presigning: the query has a signature")
	}
	credential := append([]byte(with.Credentials.AccessKeyID), '/')
	m.query = append(m.query,
		newParam("X-Amz-Algorithm", algorithm),
		newParam("X-Amz-Credential", string(m.scope.append(credential))),
		newParam("X-Amz-Date", m.stamp),
		newParam("X-Amz-SignedHeaders", m.names))
	if token := with.Credentials.SessionToken; token != "" {
		m.query = append(m.query, newParam("X-Amz-Security-Token", token))
	}
	if expires > 0 {
		m.query = append(m.query, newParam("X-Amz-Expires", strconv.FormatInt(int64(expires/time.Second), 10)))
	}
	sortParams(m.query)
	signature := s.sign(&m, with.Credentials)

	var query strings.Builder
	for _, q := range m.query {
		query.WriteString(q.key + "=" + q.value + "&")
	}
	query.WriteString("X-Amz-Signature=" + string(signature[:]))
	u := *req.URL
	u.RawQuery = query.String()
	return u.String(), nil
}

// sign returns the signature with the key from the cache, or a new one.
func (s *Signer) sign(m *message, c Credentials) [signatureLen]byte {
	secret := c.SecretAccessKey.Reveal()
	id := keyID{sha256.Sum256(secret), m.scope}
	key := s.keys.get(id)
	if key == nil {
		key = derive(secret, m.scope)
		s.keys.put(id, key)
	}
	signature, _ := key.sign(m) // all headers are there: signedNames found them
	return signature
}

func (w *Signing) check() error {
	switch {
	case w.Credentials.AccessKeyID == "" || w.Credentials.SecretAccessKey.Len() == 0:
		return errors.New("signing: no credentials")
	case w.Region == "" || w.Service == "":
		return errors.New("signing: no region or no service")
	}
	return nil
}

func (w *Signing) message(req *http.Request, body []byte) message {
	stamp := formatTime(w.Time)
	return message{
		req: req, body: sha256.Sum256(body), stamp: stamp,
		scope: scope{stamp[:dateLen], w.Region, w.Service},
	}
}

// signedNames returns the names of the headers to sign: all but those that proxies
// and net/http change.
func signedNames(req *http.Request) (string, error) {
	names := make([]string, 0, len(req.Header)+2)
	names = append(names, "host")
	if _, ok := req.Header["Content-Length"]; !ok && req.ContentLength > 0 {
		names = append(names, "content-length")
	}
	for key := range req.Header {
		switch key {
		case "Authorization", "Expect", "Host", "Transfer-Encoding", "User-Agent", "X-Amzn-Trace-Id":
			continue
		}
		if textproto.CanonicalMIMEHeaderKey(key) != key {
			return "", fmt.Errorf("signing: header %q is not in canonical form", key)
		}
		names = append(names, strings.ToLower(key))
	}
	slices.Sort(names)
	return strings.Join(names, ";"), nil
}
