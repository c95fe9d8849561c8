// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source"
	"github.com/coffer-secrets/coffer/internal/source/aws"
	"github.com/coffer-secrets/coffer/internal/source/fallback"
)

const (
	// maxFallbackAge bounds COFFER_FALLBACK_MAX_AGE.
	maxFallbackAge = 30 * 24 * time.Hour
	// fileReserve is what is left of a fetch's time for reading a file.
	fileReserve = 250 * time.Millisecond
	// maxKeyFile bounds the file with the key, in bytes: base64 and a newline.
	maxKeyFile = 1 << 10
)

// withReplica lets another region, another endpoint, or an endpoint in another region,
// stand in for AWS or a Coffer server.
func (p *process) withReplica(primary source.Source, settings agent.Settings, log *slog.Logger) source.Source {
	region, endpoint := p.getenv("COFFER_FALLBACK_REGION"), p.getenv("COFFER_FALLBACK_ENDPOINT")
	if region == "" && endpoint == "" {
		return primary
	}
	var elsewhere *client.Client
	err := errors.New("COFFER_FALLBACK_REGION needs COFFER_FALLBACK_ENDPOINT where the primary's endpoint is not AWS's own")
	if endpoint != "" || !p.hasEndpoint() {
		elsewhere, err = p.caller(client.Config{Endpoint: endpoint, Region: region}, settings, log)
	}
	if err != nil {
		log.Error("nothing stands in for the source: the settings are wrong", "error", err.Error())
		return primary
	}
	home := cmp.Or(p.getenv("AWS_REGION"), p.getenv("AWS_DEFAULT_REGION"), "us-east-1")
	return fallback.New(fallback.Config{
		Primary: primary, StandIn: &fallback.Replica{Source: aws.New(elsewhere), Home: home, Region: region, Now: p.now}, Log: log, Now: p.now,
	})
}

// hasEndpoint reports whether the primary is at an endpoint of the environment's.
func (p *process) hasEndpoint() bool {
	for _, name := range []string{"COFFER_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM"} {
		if p.getenv(name) != "" {
			return true
		}
	}
	return false
}

// withFile lets the last values known, in an encrypted file, stand in for all sources.
// Under SnapStart there is none: what is in a snapshot is in every environment.
func (p *process) withFile(primary source.Source, log *slog.Logger) source.Source {
	path := p.getenv("COFFER_FALLBACK_FILE")
	if path == "" {
		return primary
	}
	if p.getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == snapStart {
		log.Warn("COFFER_FALLBACK_FILE is not used under SnapStart")
		return primary
	}
	age, err := maxAge(p.getenv("COFFER_FALLBACK_MAX_AGE"))
	key, wrong := p.fallbackKey()
	var last *fallback.File
	if err = errors.Join(err, wrong); err == nil {
		last, err = fallback.NewFile(fallback.FileConfig{
			Path: path, Key: key, MaxAge: age, Now: p.now,
			Report: func(err error) { log.Error("the file of the last values known", "error", err.Error()) },
		})
		key.Wipe()
	}
	if err != nil {
		log.Error("COFFER_FALLBACK_FILE is not used: the settings are wrong", "error", err.Error())
		return primary
	}
	return fallback.New(fallback.Config{Primary: primary, StandIn: last, Reserve: fileReserve, Log: log, Now: p.now})
}

func maxAge(text string) (time.Duration, error) {
	if text == "" {
		return fallback.DefaultMaxAge, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxFallbackAge {
		return 0, fmt.Errorf("COFFER_FALLBACK_MAX_AGE is not a duration such as 24h, of %v at most", maxFallbackAge)
	}
	return d, nil
}

// fallbackKey is the key of the environment, or of the file that it names.
func (p *process) fallbackKey() (secret.Value, error) {
	text := []byte(p.getenv("COFFER_FALLBACK_KEY"))
	if path := p.getenv("COFFER_FALLBACK_KEY_FILE"); len(text) == 0 && path != "" {
		f, err := os.Open(path)
		if err != nil {
			return secret.Value{}, fmt.Errorf("COFFER_FALLBACK_KEY_FILE: %w", err)
		}
		defer f.Close()
		if text, err = io.ReadAll(io.LimitReader(f, maxKeyFile)); err != nil {
			return secret.Value{}, fmt.Errorf("COFFER_FALLBACK_KEY_FILE: %w", err)
		}
	}
	defer clear(text)
	key, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(text))
	if err != nil || len(key) != fallback.KeySize {
		clear(key)
		return secret.Value{}, fmt.Errorf("COFFER_FALLBACK_KEY, or the content of COFFER_FALLBACK_KEY_FILE, is not %d bytes in base64", fallback.KeySize)
	}
	return secret.New(key), nil
}
