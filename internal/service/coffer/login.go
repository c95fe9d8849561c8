// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/awsidentity"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Logins are who gets a session without a key.
type Logins struct {
	// AWS finds out who somebody is in AWS. Nil lets nobody in.
	AWS *awsidentity.Verifier
	// Roles are which principals of AWS's get which role. Of several for one principal
	// the first counts, unless the request names another.
	Roles []AWSRole
}

// AWSRole lets principals of AWS's have sessions of a role here.
type AWSRole struct {
	// Principal is the ARN of a role or user in AWS, without the path of a role. In what
	// follows the account, * stands for anything but a slash, and ? for one character.
	Principal string
	// Role is the ARN of the role here.
	Role string
}

// Check reports whether the entry can be used.
func (r AWSRole) Check() error {
	p, err := arn.Parse(r.Principal)
	kind, name, _ := strings.Cut(p.Resource, "/")
	if err != nil || p.Service != "iam" || !arn.IsAccount(p.Account) || kind != "role" && kind != "user" || name == "" || strings.ContainsAny(name, `[\`) {
		return fmt.Errorf("principal %q: the ARN of a role or user of one account, such as arn:aws:iam::111122223333:role/app-*", r.Principal)
	}
	role, err := arn.Parse(r.Role)
	if err != nil || role.Service != "iam" || !arn.IsAccount(role.Account) || !strings.HasPrefix(role.Resource, "role/") {
		return fmt.Errorf("role %q: the name or the ARN of a role here", r.Role)
	}
	return nil
}

// lets reports whether the entry is about a principal.
func (r AWSRole) lets(principal string) bool {
	matched, err := path.Match(r.Principal, principal)
	return err == nil && matched
}

// logins serves them.
type logins struct {
	Logins
	directory *identity.Directory
}

// BindLogins binds the operations by which one gets a session without a key.
func BindLogins(g *gate.Gate, d *identity.Directory, l Logins) {
	s := &logins{l, d}
	gate.Read(g, coffer.LoginWithAWS, gate.Row[coffer.LoginWithAWSInput]{
		Access: gate.AccessWrite, Open: true, Answers: true, Introduce: s.introduce,
	}, s.loginWithAWS)
}

// admitted is somebody of AWS's with the role here.
type admitted struct {
	who  *awsidentity.Identity
	role string
}

// introduce finds out who signed the request, and which role that one has here.
func (s *logins) introduce(ctx context.Context, _ *gate.Call, in *coffer.LoginWithAWSInput) (*gate.Introduction, error) {
	if s.AWS == nil {
		return nil, api.AccessDeniedException.New("This server lets nobody in by AWS: its configuration has no login.aws.")
	}
	signed := awsidentity.Request{Method: *in.Method, URL: *in.URL, Body: *in.Body, Headers: map[string]string{}}
	for _, h := range in.Headers {
		if _, twice := signed.Headers[*h.Name]; twice {
			return nil, api.ValidationException.New("Headers: one is there twice.")
		}
		signed.Headers[*h.Name] = h.Value.RevealString()
	}
	who, err := s.AWS.Verify(ctx, signed)
	if err != nil {
		return nil, notProven(err)
	}
	role := s.roleOf(who.Principal(), in.RoleArn)
	if role == "" {
		return nil, api.AccessDeniedException.Newf("%s has no role here, or not this one.", who.Principal())
	}
	account, err := arn.Parse(role)
	if err != nil {
		return nil, err
	}
	return &gate.Introduction{Account: account.Account, Facts: &admitted{who, role}, Principal: principal(who)}, nil
}

// roleOf returns the role of a principal of AWS's, or nothing.
func (s *logins) roleOf(principal string, asked *string) string {
	for _, r := range s.Roles {
		if r.lets(principal) && (asked == nil || *asked == r.Role) {
			return r.Role
		}
	}
	return ""
}

// principal is somebody of AWS's as records show it.
func principal(who *awsidentity.Identity) *gate.Principal {
	p := &gate.Principal{Principal: policy.Principal{Account: who.Account, ARN: who.ARN, UserID: who.UserID}}
	switch name := who.Principal(); {
	case name != who.ARN:
		p.Type, p.Issuer = policy.AssumedRole, name
	case strings.Contains(name, ":user/"):
		p.Type, p.UserName = policy.User, who.Session()
	case strings.HasSuffix(name, ":root"):
		p.Type = policy.Root
	default:
		p.Type = policy.FederatedUser
	}
	return p
}

// notProven words the fault of a signed request.
func notProven(err error) error {
	fault, ok := errors.AsType[*awsidentity.Error](err)
	if !ok {
		return err
	}
	switch fault.Kind {
	case awsidentity.Malformed:
		return api.ValidationException.New("The signed request is of no use here: " + fault.Message + ".").WithCause(fault.Unwrap())
	case awsidentity.Refused:
		return api.AccessDeniedException.New("AWS STS does not take the signed request for authentic.").WithCause(fault.Unwrap())
	case awsidentity.Busy:
		return api.ThrottlingException.New("Rate exceeded")
	}
	return api.ServiceUnavailable.New("AWS STS could not be asked who signed the request.").WithCause(err)
}

// sessionName is what a session's name may be (STS API Reference, AssumeRole).
var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// defaultSession is how long a session lasts unless the request says otherwise.
const defaultSession = time.Hour

func (s *logins) loginWithAWS(_ context.Context, r kv.Reader, call *gate.Call, in *coffer.LoginWithAWSInput) (*coffer.LoginWithAWSOutput, error) {
	a := call.Prepared().(*admitted)
	call.Concerns(gate.Target{ARN: a.role, Type: "AWS::IAM::Role"})
	role, err := s.role(r, a.role)
	if err != nil {
		return nil, err
	}
	session := identity.NewSession{Session: a.who.Session(), Duration: min(defaultSession, role.SessionLimit())}
	if !sessionName.MatchString(session.Session) {
		session.Session = "aws"
	}
	if in.DurationSeconds != nil {
		session.Duration = time.Duration(*in.DurationSeconds) * time.Second
	}
	if session.Duration > role.SessionLimit() {
		return nil, api.ValidationException.New("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	key, err := s.directory.StartSession(role, session, call.Time)
	if err != nil {
		return nil, err
	}
	name := arn.ARN{Partition: "aws", Service: "sts", Account: role.Account, Resource: "assumed-role/" + role.Name + "/" + session.Session}
	out := &coffer.LoginWithAWSOutput{
		Version: new(int32(1)), AccessKeyId: &key.ID, Expiration: new(key.Expires.UTC().Format(time.RFC3339)), AssumedRoleArn: new(name.String()),
	}
	out.SecretAccessKey.Value, out.SessionToken.Value = key.Secret, key.SessionToken
	return out, nil
}

// role returns the role of an ARN that the configuration has.
func (s *logins) role(r kv.Reader, name string) (*identity.Principal, error) {
	a, err := arn.Parse(name)
	if err != nil {
		return nil, err
	}
	p, err := s.directory.Principals.Get(r, a.Account, string(identity.Role), name[strings.LastIndexByte(name, '/')+1:])
	if err == nil && (p == nil || p.ARN() != name) {
		err = api.AccessDeniedException.Newf("There is no role %s, which the configuration of the server has for this login.", name)
	}
	return p, err
}
