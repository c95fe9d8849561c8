// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package golden_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/server"
)

// The errors that any operation answers, whatever its model has.
var common = []string{"AccessDeniedException", "ValidationException"}

// anyOperation stands for every operation of a service.
const anyOperation = "*"

// unprovoked are the errors of AWS's models that no request brings about here: by
// operation, the code and why.
var unprovoked = map[string]map[string]string{
	"secretsmanager." + anyOperation: {
		"InternalServiceError": "is a fault of the server, which answers InternalFailure",
	},
	"AmazonSSM." + anyOperation: {
		"InternalServerError": "is a fault of the server, which answers InternalFailure",
		"TooManyUpdates":      "concurrent changes wait for one another",
	},
	"secretsmanager.BatchGetSecretValue": {
		"DecryptionFailure":         ofOne,
		"InvalidRequestException":   ofOne,
		"ResourceNotFoundException": ofOne,
	},
	"secretsmanager.CreateSecret": {
		"LimitExceededException":           "the number of secrets has no bound",
		"ResourceNotFoundException":        noReference,
		"MalformedPolicyDocumentException": noPolicy,
		"PreconditionNotMetException":      noPolicy,
	},
	"secretsmanager.UpdateSecret": {
		"LimitExceededException":           "takes 100,000 versions within a day: the package's own tests have it",
		"MalformedPolicyDocumentException": noPolicy,
		"PreconditionNotMetException":      noPolicy,
	},
	"secretsmanager.CancelRotateSecret":   {"InvalidParameterException": malformedID},
	"secretsmanager.DescribeSecret":       {"InvalidParameterException": malformedID},
	"secretsmanager.GetSecretValue":       {"InvalidParameterException": malformedID},
	"secretsmanager.ListSecretVersionIds": {"InvalidParameterException": malformedID},
	"secretsmanager.RestoreSecret": {
		"InvalidParameterException": malformedID,
		"InvalidRequestException":   "what does not wait for its deletion is answered as AWS answers it, without an error",
	},
	"secretsmanager.PutResourcePolicy":      {"InvalidParameterException": malformedID},
	"secretsmanager.GetResourcePolicy":      {"InvalidParameterException": malformedID},
	"secretsmanager.DeleteResourcePolicy":   {"InvalidParameterException": malformedID},
	"secretsmanager.ValidateResourcePolicy": {"InvalidParameterException": malformedID},
	"secretsmanager.GetRandomPassword":      {"InvalidRequestException": noState},
	"secretsmanager.ListSecrets":            {"InvalidRequestException": noState},
	"secretsmanager.StopReplicationToReplica": {
		"InvalidRequestException": "a secret that is no replica is refused as operations on replicas are",
	},
	"AmazonSSM.DeleteResourcePolicy": {
		"MalformedResourcePolicyDocumentException": "too many calls are no error here, and the request has no policy",
	},
	"AmazonSSM.PutParameter": {
		"ParameterLimitExceeded":   "the number of parameters has no bound",
		"UnsupportedParameterType": "a type that there is not is a ValidationException, as on AWS",
	},
}

// Reasons that several errors have.
const (
	ofOne       = "is told of the one secret, among the Errors of a success"
	malformedID = "a SecretId that is none is a ValidationException, as on AWS"
	noPolicy    = "the request has no policy"
	noReference = "the request names nothing that has to be there but a KMS key"
	noState     = "there is no state of a resource that the request could be against"
)

// TestEveryErrorIsThere wants a success and each documented error of every operation that
// is served, but for those above.
func TestEveryErrorIsThere(t *testing.T) {
	t.Parallel()
	have := map[string]map[string]bool{} // by target and code; a success has none
	for _, d := range files(t) {
		for _, e := range d.cases {
			if have[e.target()] == nil {
				have[e.target()] = map[string]bool{}
			}
			have[e.target()][e.code()] = true
		}
	}
	documented := documentedErrors(t)
	for _, target := range servedTargets(t) {
		prefix, _, _ := strings.Cut(target, ".")
		for _, code := range slices.Concat(documented[target], common, []string{""}) {
			_, always := unprovoked[prefix+"."+anyOperation][code]
			_, reason := unprovoked[target][code]
			switch there := have[target][code]; {
			case !there && !always && !reason:
				t.Errorf("no case has %s answer %q, and no reason is given", target, code)
			case there && (always || reason):
				t.Errorf("%s answers %s: take it out of the reasons", target, code)
			}
		}
		for code := range unprovoked[target] {
			if !slices.Contains(documented[target], code) {
				t.Errorf("AWS does not document %s of %s", code, target)
			}
		}
	}
}

// documentedErrors are the errors of each operation in AWS's models, by target.
func documentedErrors(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, name := range []string{"secretsmanager", "ssm"} {
		text, err := os.ReadFile("../../aws/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var model struct {
			Metadata   struct{ TargetPrefix string }
			Operations map[string]struct{ Errors []string }
		}
		if err := json.Unmarshal(text, &model); err != nil {
			t.Fatal(err)
		}
		for operation, o := range model.Operations {
			out[model.Metadata.TargetPrefix+"."+operation] = o.Errors
		}
	}
	return out
}

// servedTargets are the operations of both services that the server serves.
func servedTargets(t *testing.T) (targets []string) {
	t.Helper()
	s, err := server.Open(t.Context(), server.Config{Data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, op := range s.Operations() {
		if op.Bound && (op.Service.Name == "secretsmanager" || op.Service.Name == "ssm") {
			targets = append(targets, op.Service.TargetPrefix+"."+op.Name)
		}
	}
	return targets
}
