// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
)

// maxHostLabel is the longest part of a host name between dots, in bytes (RFC 1035).
const maxHostLabel = 63

// endpoints knows where each service is.
type endpoints struct {
	region string
	all    string              // an endpoint for all services, or nothing
	own    func(string) string // the environment, for endpoints of one service
	fips   bool
}

// suffixes are the domains of AWS's partitions, by the beginning of their regions' names.
var suffixes = []struct{ prefix, domain string }{
	{"cn-", "amazonaws.com.cn"},
	{"us-isob-", "sc2s.sgov.gov"},
	{"us-isof-", "csp.hci.ic.gov"},
	{"us-iso-", "c2s.ic.gov"},
	{"eu-isoe-", "cloud.adc-e.uk"},
	{"eusc-", "amazonaws.eu"},
	{"", "amazonaws.com"},
}

func newEndpoints(cfg Config) (endpoints, error) {
	e := endpoints{region: cfg.Region, all: cfg.Endpoint, own: cfg.Getenv, fips: isTrue(cfg.Getenv("AWS_USE_FIPS_ENDPOINT"))}
	if e.region == "" {
		e.region = first(cfg.Getenv, "AWS_REGION", "AWS_DEFAULT_REGION")
	}
	if e.all == "" {
		e.all = cfg.Getenv("COFFER_ENDPOINT")
	}
	if e.all != "" {
		e.own = func(string) string { return "" }
	} else if isTrue(cfg.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
		e.own = func(string) string { return "" }
	} else {
		e.all = cfg.Getenv("AWS_ENDPOINT_URL")
	}
	if e.region == "" && e.all != "" {
		e.region = "us-east-1"
	}
	if e.region != "" && !isLabel(e.region) {
		return endpoints{}, fmt.Errorf("region %q can't be a part of a host name", e.region)
	}
	if e.all != "" {
		if err := checkURL(e.all); err != nil {
			return endpoints{}, err
		}
	}
	return e, nil
}

// of returns the URL to send a service's calls to.
func (e endpoints) of(service *api.Service) (string, error) {
	id := strings.ToUpper(service.Name)
	if id == "SECRETSMANAGER" {
		id = "SECRETS_MANAGER" // its id in AWS's models is in two words
	}
	if u := e.own("AWS_ENDPOINT_URL_" + id); u != "" {
		return u, checkURL(u)
	}
	if e.all != "" {
		return e.all, nil
	}
	if service.Path != "" {
		return "", fmt.Errorf("%s is not a service of AWS's: set COFFER_ENDPOINT or AWS_ENDPOINT_URL to a server of Coffer's", service.Title)
	}
	if e.region == "" {
		return "", errors.New("no region: set AWS_REGION, or AWS_ENDPOINT_URL for another endpoint than AWS's")
	}
	return awsURL(service.Name, e.region, e.fips), nil
}

// AWSEndpoint returns the URL of AWS's endpoint of a service, such as "sts", in a region.
func AWSEndpoint(service, region string) (string, error) {
	if region == "" || !isLabel(region) {
		return "", fmt.Errorf("region %q can't be a part of a host name", region)
	}
	return awsURL(service, region, false), nil
}

func awsURL(service, region string, fips bool) string {
	if fips {
		service += "-fips"
	}
	for _, s := range suffixes {
		if strings.HasPrefix(region, s.prefix) {
			return "https://" + service + "." + region + "." + s.domain + "/"
		}
	}
	panic("unreachable: the last prefix is that of all strings")
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("endpoint: not a URL") // the error would repeat it, with a password in it maybe
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("endpoint %q: want http://host or https://host", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("endpoint %q: has a user, a query or a fragment", u.Redacted())
	}
	return nil
}

// Cleartext returns an endpoint that secrets or credentials would travel from unencrypted, over a network,
// or nothing. That may be right, inside of a container's network, and is worth a warning.
func (c *Client) Cleartext() string {
	for _, service := range []*api.Service{secretsmanager.Service, ssm.Service, kms.Service, sts.Service} {
		text, err := c.endpoints.of(service)
		if err != nil {
			continue
		}
		u, err := url.Parse(text)
		if err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			return u.Redacted()
		}
	}
	return ""
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isAWS reports whether a host is one of AWS's own.
func isAWS(host string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(host, "."+s.domain) {
			return true
		}
	}
	return false
}

func isLabel(s string) bool {
	return len(s) <= maxHostLabel && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

// first returns the first of the variables that is set.
func first(getenv func(string) string, names ...string) string {
	for _, n := range names {
		if v := getenv(n); v != "" {
			return v
		}
	}
	return ""
}
