// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// Config is a server's settings. Each is a key of the configuration file, a flag of
// the same name, and an environment variable: listen, --listen, COFFER_LISTEN. A
// flag wins over the environment, the environment over the file. The zero value of
// a setting means its default.
type Config struct {
	Listen   string `yaml:"listen" usage:"address to serve on (default 127.0.0.1:8420)"`
	Data     string `yaml:"data" usage:"directory of the database, the root key and the audit log (default ./coffer-data)"`
	Account  string `yaml:"account-id" usage:"account that is made on first start, 12 digits (default 000000000000)"`
	Region   string `yaml:"region" usage:"region that is shown as the default; any region in a signature is served (default us-east-1)"`
	TLSCert  string `yaml:"tls-cert" usage:"certificate chain, PEM"`
	TLSKey   string `yaml:"tls-key" usage:"private key, PEM"`
	TLSSelf  bool   `yaml:"tls-self-signed" usage:"serve TLS with a self-signed pair that is made in the data directory"`
	Insecure bool   `yaml:"insecure" usage:"serve plain HTTP on an address that others can reach"`

	RootKeyFile        string `yaml:"root-key-file" usage:"file of the root key, made on first start (default DATA/root.key)"`
	RootPassphraseFile string `yaml:"root-passphrase-file" usage:"file whose first line is the passphrase that protects the store, instead of a key file"`

	NoFirstKey bool `yaml:"no-first-key" usage:"make no access key of the root's on first start, which is printed to standard output"`

	AuditFile      string        `yaml:"audit-file" usage:"the audit log (default DATA/audit.log)"`
	AuditSync      string        `yaml:"audit-sync" usage:"always: records of reads are on the disk before the answer; or the longest time they may take, such as 100ms (default 100ms)"`
	AuditOnFailure string        `yaml:"audit-on-failure" usage:"block: refuse calls that can't be recorded; continue: serve them unrecorded (default block)"`
	StopTimeout    time.Duration `yaml:"stop-timeout" usage:"how long a stop waits for calls under way (default 10s)"`
	LogLevel       string        `yaml:"log-level" usage:"debug, info, warn or error (default info)"`

	EventsRetention time.Duration `yaml:"events-retention" usage:"how long events are kept (default 24h)"`
	Throughput      string        `yaml:"throughput" usage:"aws: throttle calls at AWS's default rates; aws-higher: with Parameter Store's higher throughput; off: not at all (default off)"`
	Quotas          string        `yaml:"quotas" usage:"aws: as many secrets, parameters and KMS keys as AWS's default quotas allow; off: any number (default off)"`
	MaxSecretSize   int           `yaml:"max-secret-size" usage:"largest value of a secret in bytes, up to 524288 (default 65536)"`

	EndpointHeader  string `yaml:"endpoint-header" usage:"header in which trusted-proxies name the endpoint that a call came through, for the condition key aws:SourceVpce"`
	TrustedProxies  string `yaml:"trusted-proxies" usage:"addresses of proxies that set endpoint-header on every request, such as 10.0.0.0/8,127.0.0.1/32"`
	OIDCNetworks    string `yaml:"oidc-networks" usage:"addresses beside public ones at which issuers of OpenID Connect tokens may be asked for their keys, such as 10.0.0.0/8,127.0.0.1/32"`
	OIDCAuthorities string `yaml:"oidc-ca-file" usage:"certificate authorities of such issuers, PEM, beside the system's"`

	// Principals are users and roles that exist as long as the file names them. They
	// have no flag.
	Principals []PrincipalConfig `yaml:"principals"`
	// ServiceControl limits what all principals of an account may do, its root too. It has
	// no flag.
	ServiceControl ServiceControlConfig `yaml:"service-control-policies"`
	// Login is who gets a session without a key. It has no flag.
	Login LoginConfig `yaml:"login"`
	// Functions are what the server can run by ARN, such as for rotation. They have no
	// flag.
	Functions []FunctionConfig `yaml:"functions"`
}

// PrincipalConfig is one user or role of the configuration file.
type PrincipalConfig struct {
	Account string `yaml:"account-id"`
	User    string `yaml:"user"`
	Role    string `yaml:"role"`
	// Policies are policy documents by name: JSON as text, or as YAML of the same form.
	Policies map[string]yaml.Node `yaml:"policies"`
	// AccessKeys are fixed keys of a user.
	AccessKeys []AccessKeyConfig `yaml:"access-keys"`
}

// AccessKeyConfig is a fixed access key. The secret is the first line of a file, so
// that the configuration file itself holds none.
type AccessKeyConfig struct {
	ID         string `yaml:"id"`
	SecretFile string `yaml:"secret-file"`
}

// DefaultData is the data directory when no setting names one.
const DefaultData = "coffer-data"

// maxConfig is the largest configuration file, in bytes.
const maxConfig = 1 << 20

// LoadFile reads a configuration file into c. A key that is not one of Config's, or
// that comes twice, is an error.
func LoadFile(path string, c *Config) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	if len(data) > maxConfig {
		return fmt.Errorf("configuration %s: larger than %d bytes", path, maxConfig)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(c); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return fmt.Errorf("configuration %s: %w", path, oneLine(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("configuration %s: more than one document", path)
	}
	return nil
}

// oneLine has the faults that the YAML package lists, one a line, in a row.
func oneLine(err error) error {
	if faults, ok := errors.AsType[*yaml.TypeError](err); ok {
		return errors.New(strings.Join(faults.Errors, "; "))
	}
	return err
}

// complete fills in the defaults and checks what belongs together.
func (c *Config) complete() error {
	for _, d := range []struct {
		setting  *string
		fallback string
	}{
		{&c.Listen, "127.0.0.1:8420"},
		{&c.Data, DefaultData},
		{&c.Account, "000000000000"},
		{&c.Region, "us-east-1"},
		{&c.AuditSync, "100ms"},
		{&c.AuditOnFailure, "block"},
		{&c.Throughput, off},
		{&c.Quotas, off},
	} {
		if *d.setting == "" {
			*d.setting = d.fallback
		}
	}
	if c.AuditFile == "" {
		c.AuditFile = filepath.Join(c.Data, "audit.log")
	}
	if c.RootKeyFile == "" && c.RootPassphraseFile == "" {
		c.RootKeyFile = filepath.Join(c.Data, "root.key")
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = 10 * time.Second
	}
	return c.check()
}

func (c *Config) check() error {
	switch {
	case c.RootKeyFile != "" && c.RootPassphraseFile != "":
		return errors.New("root-key-file and root-passphrase-file: the store has one root; give one of them")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("tls-cert and tls-key belong together")
	case c.TLSSelf && c.TLSCert != "":
		return errors.New("tls-self-signed makes a pair of its own: leave tls-cert and tls-key out")
	case c.AuditOnFailure != "block" && c.AuditOnFailure != "continue":
		return fmt.Errorf("audit-on-failure %q: block or continue", c.AuditOnFailure)
	case c.EventsRetention < 0:
		return fmt.Errorf("events-retention %s: a time such as 24h", c.EventsRetention)
	case !arn.IsAccount(c.Account):
		return fmt.Errorf("account-id %q: an account id is 12 digits", c.Account)
	}
	if _, err := c.limits(); err != nil {
		return err
	}
	if _, err := c.endpoints(); err != nil {
		return err
	}
	if _, err := networks("oidc-networks", c.OIDCNetworks); err != nil {
		return err
	}
	if _, err := c.logins(nil); err != nil {
		return err
	}
	return c.checkListen()
}

// checkListen refuses an address at which secrets would travel unencrypted.
func (c *Config) checkListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen %q: want HOST:PORT", c.Listen)
	}
	ip := net.ParseIP(host)
	loopback := host == "localhost" || (ip != nil && ip.IsLoopback())
	if !loopback && !c.TLSSelf && c.TLSCert == "" && !c.Insecure {
		return fmt.Errorf("listen %q: others can reach that address, and without TLS they can read secrets on the way: "+
			"give tls-cert and tls-key, or tls-self-signed, or insecure if something in front does TLS", c.Listen)
	}
	return nil
}
