// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"time"
)

// InitializationType says how Lambda came to initialize the environment. Processes
// read it in AWS_LAMBDA_INITIALIZATION_TYPE.
type InitializationType string

// The initialization types of Lambda.
const (
	OnDemand               InitializationType = "on-demand"
	ProvisionedConcurrency InitializationType = "provisioned-concurrency"
	SnapStart              InitializationType = "snap-start"
	ManagedInstances       InitializationType = "lambda-managed-instances"
)

// Limits of Lambda; see "Lambda quotas" and "Understanding the Lambda execution
// environment lifecycle" in AWS's developer guide.
const (
	// MaxPayload is the most that an event or a response may have: 6 MB, and the
	// hundred bytes that AWS's own error messages count in.
	MaxPayload = 6<<20 + 100
	// MaxExtensions is the most extensions that one environment takes.
	MaxExtensions = 10
	// MaxTimeout is the longest function timeout.
	MaxTimeout = 15 * time.Minute
	// MaxEnvironment is the most bytes that the names and values in Config.Env may have.
	MaxEnvironment = 4 << 10

	onDemandInitTimeout = 10 * time.Second
	otherInitTimeout    = 130 * time.Second // or the function's timeout, if longer
	restoreTimeout      = 10 * time.Second
)

// Process is what to run: exactly one of Command and Program.
type Process struct {
	// Command is the path of an executable file and its arguments.
	Command []string
	// Dir is the command's working directory; empty means the host's.
	Dir string
	// Program runs in this process in place of a command.
	Program Program
}

// Extension is an external extension.
type Extension struct {
	Process
	// Name is the name that it must register by. Empty means the command's file
	// name, which is what Lambda demands; a Program needs one.
	Name string
	// Env are variables that this process has beside those of all, which they replace.
	// Lambda has no such thing; a test or a tool that stands between an extension and
	// the function has use for it.
	Env map[string]string
}

// Config describes a function and its environment. Only Function is required.
type Config struct {
	// Function is the runtime process: a custom runtime's bootstrap, or a Program.
	// When Env has AWS_LAMBDA_EXEC_WRAPPER, a command is run as the arguments of that
	// script, as Lambda's managed runtimes do.
	Function Process
	// Extensions are started before the function, as the files in /opt/extensions are.
	Extensions []Extension

	// FunctionName is the function's name; "function" if empty.
	FunctionName string
	// FunctionVersion is the function's version; "$LATEST" if empty.
	FunctionVersion string
	// Handler is what the runtime finds in _HANDLER; "bootstrap" if empty.
	Handler string
	// Region is the AWS region that processes see; "us-east-1" if empty.
	Region string
	// AccountID is the account of the function's ARN; "000000000000" if empty.
	AccountID string
	// MemoryMB is the function's memory as processes see it, in MB; 128 if zero. It
	// is not enforced.
	MemoryMB int
	// Timeout bounds an invocation, from the event to the last request for a next
	// one; 3 seconds if zero, MaxTimeout at most.
	Timeout time.Duration
	// InitTimeout bounds INIT. Zero means Lambda's: 10 seconds on demand, and the
	// greater of 130 seconds and Timeout otherwise.
	InitTimeout time.Duration
	// InitializationType is how the environment is initialized; OnDemand if empty.
	InitializationType InitializationType
	// MaxConcurrency is how many invocations run at once on ManagedInstances; 16 if
	// zero. Every other type runs one.
	MaxConcurrency int

	// Env is the function's own environment variables. A name that Lambda reserves
	// is refused. Processes inherit nothing from the host but PATH, which Env may set.
	Env map[string]string
	// Credentials are the function's execution role's. Processes get them as
	// environment variables, or under SnapStart from an endpoint of the host.
	Credentials Credentials

	// Clock is the environment's wall clock, which deadlines are told in and Programs
	// are given; a new one if nil.
	Clock *WallClock
	// Listener is where the host serves; 127.0.0.1 and a free port if nil. The host
	// closes it.
	Listener net.Listener
	// Output takes what the processes write to standard output and standard error,
	// a line at a time, without its line end. Source is "function" or the name of an
	// extension. It may be called by several goroutines. Nil discards.
	Output func(source, line string)
	// Log takes what the host does, at debug level; it is told names, identifiers
	// and durations only. Nil discards.
	Log *slog.Logger
}

// Check says what New would find wrong with the configuration.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

// withDefaults returns a copy with every zero field set, or says what is wrong.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.FunctionName, "function")
	setDefault(&c.FunctionVersion, "$LATEST")
	setDefault(&c.Handler, "bootstrap")
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.AccountID, "000000000000")
	setDefault(&c.MemoryMB, 128)
	setDefault(&c.Timeout, 3*time.Second)
	setDefault(&c.InitializationType, OnDemand)
	setDefault(&c.InitTimeout, c.defaultInitTimeout())
	if c.InitializationType == ManagedInstances {
		setDefault(&c.MaxConcurrency, 16)
	} else {
		c.MaxConcurrency = 1
	}
	if c.Clock == nil {
		c.Clock = new(WallClock)
	}
	if c.Output == nil {
		c.Output = func(string, string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	extensions := make([]Extension, len(c.Extensions))
	for i, x := range c.Extensions {
		if x.Name == "" && len(x.Command) > 0 {
			x.Name = filepath.Base(x.Command[0])
		}
		extensions[i] = x
	}
	c.Extensions = extensions
	return c, c.validate()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) defaultInitTimeout() time.Duration {
	if c.InitializationType == OnDemand {
		return onDemandInitTimeout
	}
	return max(otherInitTimeout, c.Timeout)
}

func (c *Config) validate() error {
	switch c.InitializationType {
	case OnDemand, ProvisionedConcurrency, SnapStart, ManagedInstances:
	default:
		return fmt.Errorf("unknown initialization type %q", c.InitializationType)
	}
	if c.Timeout < 0 || c.Timeout > MaxTimeout {
		return fmt.Errorf("timeout %v is not between 0 and %v", c.Timeout, MaxTimeout)
	}
	if c.InitTimeout < 0 || c.MaxConcurrency < 0 || c.MemoryMB < 0 {
		return errors.New("a negative limit")
	}
	if err := c.Function.validate(); err != nil {
		return fmt.Errorf("function: %w", err)
	}
	if err := c.validateExtensions(); err != nil {
		return err
	}
	return c.validateEnv()
}

func (c *Config) validateExtensions() error {
	if len(c.Extensions) > MaxExtensions {
		return fmt.Errorf("%d extensions, where Lambda takes %d", len(c.Extensions), MaxExtensions)
	}
	names := map[string]bool{}
	for _, x := range c.Extensions {
		if err := x.validate(); err != nil {
			return fmt.Errorf("extension %q: %w", x.Name, err)
		}
		if x.Name == "" || names[x.Name] {
			return fmt.Errorf("extension name %q is empty or taken", x.Name)
		}
		names[x.Name] = true
	}
	return nil
}

func (p *Process) validate() error {
	if (len(p.Command) == 0) == (p.Program == nil) {
		return errors.New("needs a command or a program, and not both")
	}
	return nil
}

func (c *Config) validateEnv() error {
	// The form of a name that Lambda's CreateFunction takes.
	form := regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	reserved, size := c.reservedNames(), 0
	for name, value := range c.Env {
		if !form.MatchString(name) {
			return fmt.Errorf("environment variable name %q is not one that Lambda takes", name)
		}
		if reserved[name] {
			return fmt.Errorf("environment variable %s is reserved by Lambda", name)
		}
		size += len(name) + len(value)
	}
	if size > MaxEnvironment {
		return fmt.Errorf("environment variables have %d bytes, where Lambda takes %d", size, MaxEnvironment)
	}
	return nil
}

// functionARN returns the ARN that invocations name.
func (c *Config) functionARN() string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", c.Region, c.AccountID, c.FunctionName)
}
