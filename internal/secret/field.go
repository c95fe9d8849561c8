// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Field returns a member of v, a JSON object: the text of a string, and the JSON of
// anything else but null. The Value is the caller's. An error says nothing of v.
func Field(v Value, name string) (Value, error) {
	var members map[string]json.RawMessage
	defer func() {
		for _, m := range members {
			clear(m)
		}
	}()
	if err := json.Unmarshal(v.Reveal(), &members); err != nil {
		return Value{}, errors.New("the value is not a JSON object")
	}
	m, ok := members[name]
	switch {
	case !ok:
		return Value{}, fmt.Errorf("the JSON object has no field %q", name)
	case string(m) == "null":
		return Value{}, fmt.Errorf("the field %q is null", name)
	case m[0] != '"':
		return New(append([]byte{}, m...)), nil
	}
	var text Text
	if err := text.UnmarshalJSON(m); err != nil {
		return Value{}, fmt.Errorf("the field %q can't be read", name)
	}
	return text.Value, nil
}
