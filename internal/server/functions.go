// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/functions"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// FunctionConfig is one function of the configuration file. It is named by ARN or by name,
// and is a command or an endpoint.
type FunctionConfig struct {
	ARN string `yaml:"arn"`
	// Name stands for the function's ARN in the configuration's account and region.
	Name string `yaml:"name"`
	// Timeout bounds an invocation.
	Timeout time.Duration `yaml:"timeout"`

	// Command is a program that speaks Lambda's Runtime API, and its arguments.
	Command     []string          `yaml:"command"`
	Directory   string            `yaml:"directory"`
	Environment map[string]string `yaml:"environment"`
	// Role is the role in whose name the program calls, of the configuration or made by
	// the command line, in the function's account.
	Role string `yaml:"role"`
	// Memory is told to the program, in MB.
	Memory int `yaml:"memory"`

	// Endpoint is the URL of a Lambda Invoke API.
	Endpoint string `yaml:"endpoint"`
	Sign     bool   `yaml:"sign"`
	Insecure bool   `yaml:"insecure"`
}

// openFunctions makes what runs the functions of the configuration. Nothing runs yet.
func (s *Server) openFunctions(ctx context.Context) error {
	config := functions.Config{
		Sessions: sessions{s.Vault}, Server: s.address.wait, Log: s.Log,
	}
	for i := range s.Config.Functions {
		f, err := s.Config.Functions[i].function(&s.Config)
		if err != nil {
			return fmt.Errorf("functions, entry %d: %w", i+1, err)
		}
		config.Functions = append(config.Functions, f)
	}
	var err error
	if s.functions, err = functions.New(config); err != nil {
		return fmt.Errorf("functions: %w", err)
	}
	if err := s.checkRoles(ctx, config.Functions); err != nil {
		return err
	}
	return s.withdrawSessions(ctx)
}

// checkRoles reports a function whose role does not exist. Roles are made by the
// configuration and, while no server runs, by the command line: by now they are there.
func (s *Server) checkRoles(ctx context.Context, all []functions.Function) error {
	_, err := s.Store.View(ctx, func(r kv.Reader) error {
		for _, f := range all {
			if f.Program == nil {
				continue
			}
			a, err := arn.Parse(f.ARN)
			if err != nil {
				return err
			}
			if there, err := s.Directory.HasPrincipal(r, a.Account, identity.Role, f.Program.Role); err != nil {
				return err
			} else if !there {
				return fmt.Errorf("function %s: there is no role %s in account %s", f.ARN, f.Program.Role, a.Account)
			}
		}
		return nil
	})
	return err
}

func (c *FunctionConfig) function(server *Config) (functions.Function, error) {
	if (c.ARN == "") == (c.Name == "") {
		return functions.Function{}, errors.New("give either arn or name")
	}
	name := arn.ARN{Partition: "aws", Service: "lambda", Region: server.Region, Account: server.Account, Resource: "function:" + c.Name}
	f := functions.Function{ARN: cmp.Or(c.ARN, name.String()), Timeout: c.Timeout}
	program := len(c.Command) > 0 || c.Directory != "" || len(c.Environment) > 0 || c.Role != "" || c.Memory != 0
	if remote := c.Endpoint != "" || c.Sign || c.Insecure; program == remote {
		return f, errors.New("give either command and role, or endpoint, and what belongs to it")
	} else if remote {
		f.Endpoint = &functions.Endpoint{URL: c.Endpoint, Sign: c.Sign, Insecure: c.Insecure}
		return f, nil
	}
	f.Program = &functions.Program{Command: c.Command, Dir: c.Directory, Env: c.Environment, Role: c.Role, MemoryMB: c.Memory}
	if len(c.Command) > 0 && strings.ContainsRune(c.Command[0], filepath.Separator) {
		// A relative path is relative to where the server is started, whatever the directory.
		path, err := filepath.Abs(c.Command[0])
		if err != nil {
			return f, err
		}
		f.Program.Command = append([]string{path}, c.Command[1:]...)
	}
	return f, nil
}

// address is where the server listens, as soon as it does.
type address struct {
	listens chan struct{}
	once    sync.Once
	at      functions.Address
}

func newAddress() *address { return &address{listens: make(chan struct{})} }

// set says that the server listens. Only the first call counts.
func (a *address) set(at functions.Address) {
	a.once.Do(func() {
		a.at = at
		close(a.listens)
	})
}

// wait returns the address when there is one.
func (a *address) wait(ctx context.Context) (functions.Address, error) {
	select {
	case <-a.listens:
		return a.at, nil
	case <-ctx.Done():
		return functions.Address{}, context.Cause(ctx)
	}
}

// local returns how a program on this machine reaches the server at l: by the host of
// the configuration, which a certificate may name, or, where that is all addresses, by
// the loopback address.
func (c *Config) local(l net.Addr) functions.Address {
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	_, port, err := net.SplitHostPort(l.String())
	if err != nil {
		return functions.Address{URL: "http://" + l.String()} // a listener without ports: a test's
	}
	at := functions.Address{URL: "http://" + net.JoinHostPort(host, port)}
	if c.TLS() {
		at.URL = "https://" + net.JoinHostPort(host, port)
	}
	if c.TLSSelf {
		at.CA = c.SelfSignedFile()
	}
	return at
}
