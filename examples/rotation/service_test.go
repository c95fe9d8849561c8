// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// service is what the function sees of Secrets Manager: one secret with its versions.
type service struct {
	mu        sync.Mutex
	enabled   bool
	values    map[string]*string  // by version; nil is binary
	stages    map[string][]string // by version
	passwords int
}

// request has the members of all the operations.
type request struct {
	VersionID    string `json:"VersionId"`
	VersionStage string
	Token        string `json:"ClientRequestToken"`
	SecretString string
	Stages       []string `json:"VersionStages"`
	To           string   `json:"MoveToVersionId"`
	From         string   `json:"RemoveFromVersionId"`
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in request
	answer, code := map[string]any{}, "InvalidRequestException"
	if err := json.NewDecoder(r.Body).Decode(&in); err == nil {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		answer, code = s.do(operation, in)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"__type": code}
	}
	_ = json.NewEncoder(w).Encode(answer) // to the function, which would fail
}

func (s *service) do(operation string, in request) (answer map[string]any, code string) {
	switch operation {
	case "DescribeSecret":
		return map[string]any{"RotationEnabled": s.enabled, "VersionIdsToStages": s.stages}, ""
	case "GetRandomPassword":
		s.passwords++
		return map[string]any{"RandomPassword": fmt.Sprintf("random-%d", s.passwords)}, ""
	case "PutSecretValue":
		s.values[in.Token], s.stages[in.Token] = &in.SecretString, in.Stages
		return map[string]any{}, ""
	case "GetSecretValue":
		for id, value := range s.values {
			if slices.Contains(s.stages[id], in.VersionStage) && (in.VersionID == "" || in.VersionID == id) {
				return map[string]any{"SecretString": value}, ""
			}
		}
		return nil, "ResourceNotFoundException"
	case "UpdateSecretVersionStage":
		if !slices.Contains(s.stages[in.From], in.VersionStage) {
			return nil, "InvalidParameterException"
		}
		s.stages[in.From] = []string{"AWSPREVIOUS"}
		s.stages[in.To] = append(s.stages[in.To], in.VersionStage)
		return map[string]any{}, ""
	}
	return nil, "InvalidAction"
}
