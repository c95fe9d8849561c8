// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

type (
	getIn  = secretsmanager.GetSecretValueInput
	getOut = secretsmanager.GetSecretValueOutput
	putIn  = secretsmanager.PutSecretValueInput
	putOut = secretsmanager.PutSecretValueOutput
)

// The calls that most tests make.
const (
	get = "secretsmanager.GetSecretValue"
	put = "secretsmanager.PutSecretValue"
)

func arnOf(name string) string {
	return "arn:aws:secretsmanager:" + region + ":" + account + ":secret:" + name
}

// named is a row for the secret that a request names.
func named[In any](access gate.Access, name func(*In) *string) gate.Row[In] {
	return gate.Row[In]{Access: access, Targets: gate.One(func(_ context.Context, _ kv.Reader, _ *gate.Call, in *In) (gate.Target, error) {
		return gate.Target{ARN: arnOf(*name(in)), Type: "AWS::SecretsManager::Secret"}, nil
	})}
}

func namedGet() gate.Row[getIn] {
	return named(gate.AccessRead, func(in *getIn) *string { return in.SecretId })
}

func namedPut() gate.Row[putIn] {
	return named(gate.AccessWrite, func(in *putIn) *string { return in.SecretId })
}

// bindSecrets binds a read and a write that keep texts under their names.
func bindSecrets(w *world) {
	gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(_ context.Context, r kv.Reader, _ *gate.Call, in *getIn) (*getOut, error) {
		data, err := r.Get("text/" + *in.SecretId)
		if err != nil || data == nil {
			return nil, errors.Join(err, secretsmanager.ResourceNotFoundException.New("Secrets Manager can't find the specified secret."))
		}
		return &getOut{Name: in.SecretId, SecretString: secret.NewText(string(data))}, nil
	})
	gate.Write(w.Gate, secretsmanager.PutSecretValue, namedPut(), func(_ context.Context, tx kv.Tx, _ *gate.Call, in *putIn) (*putOut, error) {
		return &putOut{Name: in.SecretId}, tx.Put("text/"+*in.SecretId, in.SecretString.Reveal())
	})
}

// TestStepsComeInOrder makes requests that fail at several steps at once: the first
// of them must answer, in AWS's words, be recorded, and keep the later ones from
// being taken.
func TestStepsComeInOrder(t *testing.T) {
	t.Parallel()
	denied := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	for name, c := range map[string]struct {
		target, body string
		policy       string
		unsigned     bool
		forged       bool
		code         string
		status       int
		steps        string
	}{
		"unsigned":                      {target: "secretsmanager.Nothing", body: `{`, unsigned: true, code: "MissingAuthenticationTokenException", status: 400},
		"forged, before it is known":    {target: "secretsmanager.Nothing", body: `{`, forged: true, code: "InvalidSignatureException", status: 400},
		"forged, before it is read":     {target: get, body: `{`, forged: true, code: "InvalidSignatureException", status: 400},
		"of an unknown operation":       {target: "secretsmanager.Nothing", body: `{`, policy: denied, code: "UnknownOperationException", status: 400},
		"of one that nobody serves":     {target: "secretsmanager.RotateSecret", body: `{`, policy: denied, code: "NotImplemented", status: 501},
		"unreadable":                    {target: get, body: `{"SecretId":1}`, policy: denied, code: "SerializationException", status: 400},
		"invalid":                       {target: get, body: `{"SecretId":""}`, policy: denied, code: "ValidationException", status: 400},
		"about nothing that can be":     {target: get, body: `{"SecretId":"unresolvable"}`, policy: denied, code: "InvalidParameterException", status: 400, steps: "resolve"},
		"denied":                        {target: get, body: `{"SecretId":"missing"}`, policy: denied, code: "AccessDeniedException", status: 400, steps: "resolve"},
		"allowed, about what is absent": {target: get, body: `{"SecretId":"missing"}`, code: "ResourceNotFoundException", status: 400, steps: "resolve handle"},
		"broken inside":                 {target: get, body: `{"SecretId":"broken"}`, code: "InternalFailure", status: 500, steps: "resolve handle"},
		"good":                          {target: get, body: `{"SecretId":"good"}`, status: 200, steps: "resolve handle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			var steps []string
			bindSteps(w, &steps)
			if c.policy != "" {
				w.directory.as(t, c.policy)
			}
			req := w.request(c.target, c.body)
			if c.unsigned {
				req.Header.Del("Authorization")
			}
			if c.forged {
				forge(req.Header)
			}
			got := w.do(req)
			if got.Code != c.code || got.Status != c.status {
				t.Errorf("answered %d %s: %s", got.Status, got.Code, got.Message)
			}
			if got := strings.Join(steps, " "); got != c.steps {
				t.Errorf("steps taken: %q, want %q", got, c.steps)
			}
			records := w.records()
			if len(records) != 1 || records[0].ErrorCode != c.code || records[0].ErrorMessage != got.Message {
				t.Errorf("recorded %s", show(records))
			}
			if id := got.Header.Get("X-Amzn-Requestid"); id == "" || records[0].RequestID != id {
				t.Errorf("the request id is %q, in the record %q", id, records[0].RequestID)
			}
			if len(w.observed) != 1 || w.observed[0].Code != c.code {
				t.Errorf("observed %+v", w.observed)
			}
		})
	}
}

func forge(h map[string][]string) {
	auth := h["Authorization"][0]
	flipped := byte('0')
	if auth[len(auth)-1] == '0' {
		flipped = '1'
	}
	h["Authorization"] = []string{auth[:len(auth)-1] + string(flipped)}
}

// bindSteps binds a read whose name says what becomes of it.
func bindSteps(w *world, steps *[]string) {
	row := gate.Row[getIn]{Access: gate.AccessRead, Targets: gate.One(func(_ context.Context, _ kv.Reader, _ *gate.Call, in *getIn) (gate.Target, error) {
		*steps = append(*steps, "resolve")
		if *in.SecretId == "unresolvable" {
			return gate.Target{}, secretsmanager.InvalidParameterException.New("Invalid name.")
		}
		return gate.Target{ARN: arnOf(*in.SecretId)}, nil
	})}
	gate.Read(w.Gate, secretsmanager.GetSecretValue, row, func(_ context.Context, _ kv.Reader, _ *gate.Call, in *getIn) (*getOut, error) {
		*steps = append(*steps, "handle")
		switch *in.SecretId {
		case "missing":
			return nil, secretsmanager.ResourceNotFoundException.New("Secrets Manager can't find the specified secret.")
		case "broken":
			return nil, errors.New("the inside broke at /secret/place")
		}
		return &getOut{Name: in.SecretId}, nil
	})
}

// TestQueryErrors are those of the other protocol, which has codes of its own.
func TestQueryErrors(t *testing.T) {
	t.Parallel()
	const action = "Action=AssumeRole&Version=2011-06-15"
	const whole = action + "&RoleSessionName=me&RoleArn=arn:aws:iam::123456789012:role/r"
	for name, c := range map[string]struct {
		body, policy     string
		unsigned, forged bool
		code             string
		status           int
	}{
		"unsigned":                  {body: whole, unsigned: true, code: "MissingAuthenticationToken", status: 403},
		"forged":                    {body: whole, forged: true, code: "SignatureDoesNotMatch", status: 403},
		"unsigned, naming nothing":  {body: "a=b", unsigned: true, code: "MissingAuthenticationToken", status: 403},
		"naming nothing":            {body: "a=b", code: "MissingAction", status: 400},
		"of an unknown operation":   {body: "Action=Nothing&Version=2011-06-15", code: "InvalidAction", status: 400},
		"of one that nobody serves": {body: "Action=GetSessionToken&Version=2011-06-15", code: "NotImplemented", status: 501},
		"invalid":                   {body: action, code: "ValidationError", status: 400},
		"denied":                    {body: whole, policy: `{"Version":"2012-10-17","Statement":[]}`, code: "AccessDenied", status: 403},
		"broken inside":             {body: whole, code: "InternalFailure", status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			gate.Read(w.Gate, sts.AssumeRole, gate.Row[sts.AssumeRoleInput]{Access: gate.AccessWrite, Targets: gate.Everything[sts.AssumeRoleInput]},
				func(context.Context, kv.Reader, *gate.Call, *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
					return nil, errors.New("broken")
				})
			if c.policy != "" {
				w.directory.as(t)
			}
			req := w.form(c.body)
			if c.unsigned {
				req.Header.Del("Authorization")
			}
			if c.forged {
				forge(req.Header)
			}
			got := w.do(req)
			if got.Code != c.code || got.Status != c.status || !strings.Contains(got.Body, "<RequestId>") {
				t.Errorf("answered %d: %s", got.Status, got.Body)
			}
			if records := w.records(); len(records) != 1 || records[0].ErrorCode != c.code {
				t.Errorf("recorded %s", show(records))
			}
		})
	}
}

// TestTheInsideIsNotTold holds that the cause of a failure is in the server's log,
// and neither in the answer nor in the record.
func TestTheInsideIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var steps []string
	bindSteps(w, &steps)
	got := w.call(get, `{"SecretId":"broken"}`)
	records := w.records()
	if strings.Contains(got.Body, "secret/place") || strings.Contains(string(records[0].Line), "secret/place") {
		t.Errorf("told: %s\n%s", got.Body, records[0].Line)
	}
	if log := w.log.String(); !strings.Contains(log, "secret/place") || !strings.Contains(log, got.Header.Get("X-Amzn-Requestid")) {
		t.Errorf("the log says %q", log)
	}
}

// TestAnswersNeedADecision holds that a handler which never asked is refused, and that
// what it wrote is not kept.
func TestAnswersNeedADecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gate.Write(w.Gate, secretsmanager.PutSecretValue, gate.Row[putIn]{Access: gate.AccessWrite, PerItem: true},
		func(_ context.Context, tx kv.Tx, call *gate.Call, in *putIn) (*putOut, error) {
			if *in.SecretId == "asked" {
				if err := call.Authorize("secretsmanager:PutSecretValue", gate.Target{ARN: arnOf("asked")}); err != nil {
					return nil, err
				}
			}
			return &putOut{}, tx.Put("text/"+*in.SecretId, []byte("x"))
		})
	none := gate.Row[getIn]{Access: gate.AccessRead, Targets: func(context.Context, kv.Reader, *gate.Call, *getIn) ([]gate.Target, error) { return nil, nil }}
	gate.Read(w.Gate, secretsmanager.GetSecretValue, none, func(_ context.Context, _ kv.Reader, _ *gate.Call, in *getIn) (*getOut, error) {
		return &getOut{SecretString: secret.NewText("undecided")}, nil
	})

	if got := w.call(put, `{"SecretId":"unasked","SecretString":"x"}`); got.Status != 500 || got.Code != "InternalFailure" {
		t.Errorf("a write without a decision: %+v", got)
	}
	if w.value("text/unasked") != "" {
		t.Error("what it wrote was kept")
	}
	if got := w.call(put, `{"SecretId":"asked","SecretString":"x"}`); got.Status != 200 || w.value("text/asked") != "x" {
		t.Errorf("a write that asked: %+v", got)
	}
	if got := w.call(get, `{"SecretId":"a"}`); got.Status != 500 || strings.Contains(got.Body, "undecided") {
		t.Errorf("a read about no target: %+v", got)
	}
	if records := w.records(); len(records) != 3 || records[0].ErrorCode == "" || records[1].ErrorCode != "" || records[2].ErrorCode == "" {
		t.Errorf("recorded %s", show(records))
	}
}

// TestPerItem holds that Allowed and Authorize follow the caller's policies, and that
// the record names what was asked for, but not what was left out.
func TestPerItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.directory.as(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"`+arnOf("mine*")+`"}}`)
	type in = secretsmanager.BatchGetSecretValueInput
	type out = secretsmanager.BatchGetSecretValueOutput
	gate.Read(w.Gate, secretsmanager.BatchGetSecretValue, gate.Row[in]{Access: gate.AccessRead, PerItem: true},
		func(_ context.Context, _ kv.Reader, call *gate.Call, in *in) (*out, error) {
			found := &out{}
			for _, id := range in.SecretIdList {
				target := gate.Target{ARN: arnOf(id), Type: "AWS::SecretsManager::Secret"}
				if !call.Allowed("secretsmanager:GetSecretValue", target) {
					continue
				}
				if err := call.Authorize("secretsmanager:GetSecretValue", target); err != nil {
					return nil, err
				}
				found.SecretValues = append(found.SecretValues, secretsmanager.SecretValueEntry{Name: new(id)})
			}
			if len(found.SecretValues) == 0 {
				return nil, call.Authorize("secretsmanager:GetSecretValue", gate.Target{ARN: arnOf("none"), Asked: "what was asked"})
			}
			return found, nil
		})
	got := w.call("secretsmanager.BatchGetSecretValue", `{"SecretIdList":["mine-1","yours","mine-2"]}`)
	if got.Status != 200 || strings.Contains(got.Body, "yours") || strings.Count(got.Body, "mine-") != 2 {
		t.Errorf("answered %+v", got)
	}
	got = w.call("secretsmanager.BatchGetSecretValue", `{"SecretIdList":["yours"]}`)
	want := "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: secretsmanager:GetSecretValue on resource: what was asked because no identity-based policy allows the secretsmanager:GetSecretValue action"
	if got.Code != "AccessDeniedException" || got.Message != want {
		t.Errorf("denied with %+v", got)
	}
	records := w.records()
	if r := records[0].Resources; len(r) != 2 || r[0].ARN != arnOf("mine-1") || r[0].AccountID != account {
		t.Errorf("the record's resources are %+v", r)
	}
}

// TestOpen holds that an Open row needs a signature and nothing else.
func TestOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.directory.as(t, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	gate.Read(w.Gate, sts.GetCallerIdentity, gate.Row[sts.GetCallerIdentityInput]{Access: gate.AccessRead, Open: true},
		func(_ context.Context, _ kv.Reader, call *gate.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
			return &sts.GetCallerIdentityOutput{Arn: &call.Principal.ARN}, nil
		})
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	if got := w.do(w.form(body)); got.Status != 200 || between(got.Body, "Arn") != "arn:aws:iam::123456789012:user/ada" {
		t.Errorf("answered %+v", got)
	}
	req := w.form(body)
	forge(req.Header)
	if got := w.do(req); got.Status != 403 {
		t.Errorf("a forged signature was answered %+v", got)
	}
}

// TestRows holds that a row which is wrong is found when it is bound.
func TestRows(t *testing.T) {
	t.Parallel()
	h := func(context.Context, kv.Reader, *gate.Call, *getIn) (*getOut, error) { return nil, nil }
	targets := gate.Everything[getIn]
	read := func(row gate.Row[getIn]) func(*world) {
		return func(w *world) { gate.Read(w.Gate, secretsmanager.GetSecretValue, row, h) }
	}
	for name, bind := range map[string]func(*world){
		"no way to authorise":  read(gate.Row[getIn]{Access: gate.AccessRead}),
		"no access level":      read(gate.Row[getIn]{Open: true}),
		"two ways":             read(gate.Row[getIn]{Access: gate.AccessRead, Targets: targets, Open: true}),
		"two other ways":       read(gate.Row[getIn]{Access: gate.AccessRead, PerItem: true, Open: true}),
		"all three":            read(gate.Row[getIn]{Access: gate.AccessRead, Targets: targets, PerItem: true, Open: true}),
		"a read that prepares": read(gate.Row[getIn]{Access: gate.AccessRead, Targets: targets, Prepare: func(context.Context, *gate.Call, *getIn) (any, error) { return nil, nil }}),
		"a service of another gate": func(w *world) {
			gate.Read(w.Gate, api.Op[getIn, getOut]{Service: &api.Service{Name: "x"}, Name: "Y"}, gate.Row[getIn]{Access: gate.AccessRead, Open: true}, h)
		},
		"one operation twice": func(w *world) {
			bindSecrets(w)
			gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), h)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			defer func() {
				if said, ok := recover().(string); !ok || !strings.HasPrefix(said, "gate: ") {
					t.Errorf("bound, or panicked otherwise: %q", said)
				}
			}()
			bind(w)
		})
	}
}

// TestOperations holds that the table has every operation of AWS's, and says which
// are bound and how.
func TestOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	row := namedGet()
	row.Actions = []string{"secretsmanager:DescribeSecret", "kms:DescribeKey"}
	type in = secretsmanager.DescribeSecretInput
	gate.Read(w.Gate, secretsmanager.DescribeSecret, gate.Row[in]{Access: gate.AccessList, Actions: row.Actions, PerItem: true},
		func(context.Context, kv.Reader, *gate.Call, *in) (*secretsmanager.DescribeSecretOutput, error) {
			return nil, nil
		})
	all := w.Operations()
	if want := len(secretsmanager.Service.Operations) + len(kms.Service.Operations) + len(sts.Service.Operations); len(all) != want {
		t.Errorf("%d operations, want %d", len(all), want)
	}
	bound := map[string]gate.Operation{}
	for _, op := range all {
		if op.Bound {
			bound[op.Service.Name+":"+op.Name] = op
		} else if op.Access != 0 || op.Actions != nil {
			t.Errorf("%s is not bound, and has %v", op.Name, op)
		}
	}
	if len(bound) != 3 {
		t.Errorf("bound: %v", bound)
	}
	if op := bound["secretsmanager:PutSecretValue"]; op.Access != gate.AccessWrite || op.Access.String() != "Write" ||
		!slices.Equal(op.Actions, []string{"secretsmanager:PutSecretValue"}) {
		t.Errorf("got %+v", op)
	}
	if op := bound["secretsmanager:DescribeSecret"]; op.Access.String() != "List" || !slices.Equal(op.Actions, row.Actions) {
		t.Errorf("got %+v", op)
	}
}
