// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Target is a server to drive, with credentials that may do everything.
type Target struct {
	Addr        string // HOST:PORT
	Credentials sigv4.Credentials
	Region      string
}

// resigned is how often a request that is sent again unchanged is signed anew: a
// signature holds for five minutes at AWS.
const resigned = time.Minute

// request returns the signed bytes of a call.
func request[In, Out any](t Target, signer *sigv4.Signer, op api.Op[In, Out], in *In) ([]byte, error) {
	body := awsjson.Encode(in)
	req, err := http.NewRequest(http.MethodPost, "http://"+t.Addr+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	header(req, op.Target())
	if err := signer.Sign(req, body, sigv4.Signing{
		Credentials: t.Credentials, Region: t.Region, Service: op.Service.Name, Time: time.Now(),
	}); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = req.Write(&b)
	return b.Bytes(), err
}

func header(req *http.Request, target string) {
	req.Header["X-Amz-Target"] = []string{target}
	req.Header["Content-Type"] = []string{"application/x-amz-json-1.1"}
	req.Header["User-Agent"] = []string{"coffer-bench"}
}

// repeated is a Source of one request, over and over.
func repeated[In, Out any](t Target, op api.Op[In, Out], in *In) Source {
	var signer sigv4.Signer
	var signed time.Time
	var b []byte
	return func() ([]byte, error) {
		if time.Since(signed) > resigned {
			var err error
			if b, err = request(t, &signer, op, in); err != nil {
				return nil, err
			}
			signed = time.Now()
		}
		return b, nil
	}
}

// Workload is one operation, under load.
type Workload struct {
	Name string
	// Prepare makes what the calls need, and returns a source for each connection.
	Prepare func(ctx context.Context, t Target, c awsjson.Caller, connections int) ([]Source, error)
}

// Value is what is stored and read: a secret of ordinary size.
const Value = `{"username":"orders","password":"correct-horse-battery-staple","host":"db.internal","port":5432}`

// Workloads are the operations that coffer bench knows, by name.
var Workloads = []Workload{
	{"GetSecretValue", func(ctx context.Context, t Target, c awsjson.Caller, n int) ([]Source, error) {
		ids, err := secrets(ctx, c, n)
		return each(n, func(i int) Source {
			return repeated(t, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: &ids[i]})
		}), err
	}},
	{"PutSecretValue", func(ctx context.Context, t Target, c awsjson.Caller, n int) ([]Source, error) {
		ids, err := secrets(ctx, c, n)
		return each(n, func(i int) Source { return puts(t, ids[i]) }), err
	}},
	{"GetParameter", func(ctx context.Context, t Target, c awsjson.Caller, n int) ([]Source, error) {
		name := "/bench/" + rand.Text()
		_, err := awsjson.Do(ctx, c, ssm.PutParameter, &ssm.PutParameterInput{
			Name: &name, Type: new("SecureString"), Value: secret.NewText(Value),
		})
		return each(n, func(int) Source {
			return repeated(t, ssm.GetParameter, &ssm.GetParameterInput{Name: &name, WithDecryption: new(true)})
		}), err
	}},
	{"Encrypt", func(ctx context.Context, t Target, c awsjson.Caller, n int) ([]Source, error) {
		key, err := awsjson.Do(ctx, c, kms.CreateKey, &kms.CreateKeyInput{})
		if err != nil {
			return nil, err
		}
		return each(n, func(int) Source {
			return repeated(t, kms.Encrypt, &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: secret.NewBlob([]byte(Value))})
		}), nil
	}},
	{"Decrypt", func(ctx context.Context, t Target, c awsjson.Caller, n int) ([]Source, error) {
		key, err := awsjson.Do(ctx, c, kms.CreateKey, &kms.CreateKeyInput{})
		if err != nil {
			return nil, err
		}
		sealed, err := awsjson.Do(ctx, c, kms.Encrypt, &kms.EncryptInput{
			KeyId: key.KeyMetadata.KeyId, Plaintext: secret.NewBlob([]byte(Value)),
		})
		if err != nil {
			return nil, err
		}
		return each(n, func(int) Source {
			return repeated(t, kms.Decrypt, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
		}), nil
	}},
}

func each(n int, source func(int) Source) []Source {
	sources := make([]Source, n)
	for i := range sources {
		sources[i] = source(i)
	}
	return sources
}

// secrets makes a secret for each connection, and returns their names.
func secrets(ctx context.Context, c awsjson.Caller, n int) ([]string, error) {
	names := make([]string, n)
	run := rand.Text()
	for i := range names {
		names[i] = fmt.Sprintf("bench/%s/%d", run, i)
		if _, err := awsjson.Do(ctx, c, secretsmanager.CreateSecret, &secretsmanager.CreateSecretInput{
			Name: &names[i], ClientRequestToken: new(token()), SecretString: secret.NewText(Value),
		}); err != nil {
			return names, err
		}
	}
	return names, nil
}

// puts is a Source of writes: each is a version of its own, and signed by itself.
func puts(t Target, id string) Source {
	var signer sigv4.Signer
	return func() ([]byte, error) {
		return request(t, &signer, secretsmanager.PutSecretValue, &secretsmanager.PutSecretValueInput{
			SecretId: &id, ClientRequestToken: new(token()), SecretString: secret.NewText(Value),
		})
	}
}

// token returns a ClientRequestToken: a UUID, as the SDKs make.
func token() string { return gate.NewID() }

// FloorSource is the source of the requests that a Floor answers: those of
// GetSecretValue.
func FloorSource(t Target) Source {
	return repeated(t, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: new("bench/floor")})
}
