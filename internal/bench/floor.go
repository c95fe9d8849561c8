// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Floor is what GetSecretValue can't be faster than: a bare handler of net/http that
// verifies the request's signature, reads its JSON, opens one envelope, appends one
// line to an audit file, and answers. It looks nothing up and decides nothing.
type Floor struct {
	verifier sigv4.Verifier
	secret   secret.Value
	wrap     cipher.AEAD
	dataKey  []byte // under wrap
	value    []byte // under the data key

	mu    sync.Mutex
	audit *os.File
}

// NewFloor returns a floor that knows one secret access key and appends to the file.
func NewFloor(secretKey secret.Value, value string, file *os.File) (*Floor, error) {
	f := &Floor{secret: secretKey, audit: file}
	var err error
	key := make([]byte, 32)
	if f.wrap, err = aead(key); err != nil {
		return nil, err
	}
	inner, err := aead(key)
	if err != nil {
		return nil, err
	}
	f.dataKey = f.wrap.Seal(nil, nil, key, nil)
	f.value = inner.Seal(nil, nil, []byte(value), nil)
	return f, nil
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// ServeFloor serves a floor on l, with /metrics beside it, until ctx ends.
func ServeFloor(ctx context.Context, l net.Listener, secretKey secret.Value, dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, "floor.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer file.Close()
	floor, err := NewFloor(secretKey, Value, file)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/", floor)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP answers as GetSecretValue does.
func (f *Floor) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	presented, err := sigv4.Parse(req)
	if err == nil {
		err = f.verifier.Verify(presented, body, sigv4.Terms{Secret: f.secret, Now: time.Now()})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	var in struct {
		SecretID string `json:"SecretId"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	value, err := f.open()
	if err == nil {
		err = f.record(in.SecretID, presented.AccessKeyID)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(floorAnswer{
		ARN: "arn:aws:secretsmanager:us-east-1:000000000000:secret:bench-AbCdEf", Name: in.SecretID,
		VersionID: "00000000-0000-4000-8000-000000000000", SecretString: string(value),
		VersionStages: []string{"AWSCURRENT"}, CreatedDate: 1,
	}) // to a client that may be gone
}

type floorAnswer struct {
	ARN, Name, SecretString string
	VersionID               string `json:"VersionId"`
	VersionStages           []string
	CreatedDate             int
}

func (f *Floor) open() ([]byte, error) {
	key, err := f.wrap.Open(nil, nil, f.dataKey, nil)
	if err != nil {
		return nil, err
	}
	inner, err := aead(key)
	if err != nil {
		return nil, err
	}
	return inner.Open(nil, nil, f.value, nil)
}

// record appends a line of the size that the server's audit lines have.
func (f *Floor) record(id, accessKey string) error {
	line, err := json.Marshal(floorRecord{
		EventVersion: "1.11", EventSource: "secretsmanager.amazonaws.com", EventName: "GetSecretValue",
		EventTime: time.Now().UTC(), AccessKeyID: accessKey, SecretID: id, Padding: padding,
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err = f.audit.Write(append(line, '\n'))
	return err
}

type floorRecord struct {
	EventVersion, EventSource, EventName string
	EventTime                            time.Time
	AccessKeyID, SecretID                string
	Padding                              string
}

// padding brings a line to about the 900 bytes of a CloudTrail record.
const padding = "................................................................................................................" +
	"................................................................................................................" +
	"................................................................................................................" +
	"................................................................................................................" +
	"................................................................................................................" +
	"................................................................................................................"
