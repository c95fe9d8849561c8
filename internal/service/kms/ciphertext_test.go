// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// testKey is a key with as many generations, of which no byte is like another's.
func testKey(multiRegion bool, generations int) *Key {
	k := &Key{ID: newKeyID(multiRegion), Spec: "SYMMETRIC_DEFAULT"}
	for range generations {
		material, _ := randomBytes(symmetricLen)()
		k.Material = append(k.Material, newMaterial(material, time.Time{}))
	}
	return k
}

func opens(k *Key, blob []byte, context map[string]string) ([]byte, error) {
	h, err := parseHeader(blob)
	if err != nil {
		return nil, err
	}
	if h.keyID() != k.ID {
		return nil, errCiphertext
	}
	plaintext, _, err := k.open(h, blob, context)
	return plaintext, err
}

func TestCiphertextProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := testKey(rapid.Bool().Draw(t, "multi-Region"), rapid.IntRange(1, 3).Draw(t, "generations"))
		plaintext := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "plaintext")
		context := rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, "context")
		blob, err := k.seal(plaintext, context)
		if err != nil {
			t.Fatal(err)
		}
		if len(blob) != sealedAt+len(plaintext)+tagLen {
			t.Fatalf("%d bytes for %d", len(blob), len(plaintext))
		}

		// Later generations leave it readable.
		material, _ := randomBytes(symmetricLen)()
		k.Material = append(k.Material, newMaterial(material, time.Time{}))
		if got, err := opens(k, blob, context); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("round trip: %v", err)
		}

		changed := bytes.Clone(blob)
		bit := rapid.IntRange(0, 8*len(blob)-1).Draw(t, "bit")
		changed[bit/8] ^= 1 << (bit % 8)
		if _, err := opens(k, changed, context); !errors.Is(err, errCiphertext) {
			t.Fatalf("with bit %d flipped: %v", bit, err)
		}
		if _, err := opens(k, blob[:rapid.IntRange(0, len(blob)-1).Draw(t, "length")], context); !errors.Is(err, errCiphertext) {
			t.Fatalf("cut: %v", err)
		}

		other := maps.Clone(context)
		if other == nil {
			other = map[string]string{}
		}
		other[rapid.String().Draw(t, "key")] = rapid.String().Draw(t, "value")
		if _, err := opens(k, blob, other); !maps.Equal(other, context) && !errors.Is(err, errCiphertext) {
			t.Fatalf("with the context %v for %v: %v", other, context, err)
		}
	})
}

// TestEveryBitCounts leaves no bit of a ciphertext to chance.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	k := testKey(false, 2)
	blob, err := k.seal([]byte("x"), map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(blob) {
		blob[bit/8] ^= 1 << (bit % 8)
		if _, err := opens(k, blob, map[string]string{"a": "b"}); !errors.Is(err, errCiphertext) {
			t.Errorf("bit %d: %v", bit, err)
		}
		blob[bit/8] ^= 1 << (bit % 8)
	}
}

func TestAssociatedDataHasOneReading(t *testing.T) {
	t.Parallel()
	contexts := rapid.MapOfN(rapid.StringOfN(rapid.RuneFrom([]rune("a\x00")), 0, 5, -1), rapid.StringOfN(rapid.RuneFrom([]rune("a\x00")), 0, 5, -1), 0, 3)
	if a, b := map[string]string{"": "\x00\x00\x00\x00"}, map[string]string{"\x00\x00\x00\x04": ""}; bytes.Equal(associated(nil, a), associated(nil, b)) {
		t.Errorf("%q and %q are one", a, b)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := contexts.Draw(t, "a"), contexts.Draw(t, "b")
		if same := bytes.Equal(associated(nil, a), associated(nil, b)); same != maps.Equal(a, b) {
			t.Fatalf("%v and %v: %v", a, b, same)
		}
	})
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := newKeyID(rapid.Bool().Draw(t, "multi-Region"))
		u, multiRegion, ok := parseKeyID(id)
		if !ok || formatKeyID(u, multiRegion) != id {
			t.Fatalf("%s reads as %x, %v, %v", id, u, multiRegion, ok)
		}
	})
	for _, id := range []string{
		"", "mrk-", strings.Repeat("-", 36), "mrk-D3b95762d3b95762d3b95762d3b95762", "mrk-d3b95762d3b95762d3b95762d3b9576",
		"1234abcd-12ab-34cd-56ef-1234567890aB", "1234abcd-12ab-34cd-56ef-1234567890ag", "1234abcd+12ab-34cd-56ef-1234567890ab",
		"1234abcd-12ab-34cd-56ef-1234567890ab0", "mrk-1234abcd-12ab-34cd-56ef-1234567890",
	} {
		if _, _, ok := parseKeyID(id); ok {
			t.Errorf("%q is taken for a key id", id)
		}
	}
}

// TestMaterialDoesNotPrint looks for the material in all that a log could make of it.
func TestMaterialDoesNotPrint(t *testing.T) {
	t.Parallel()
	k := testKey(false, 1)
	material := k.Material[0].Secret.Reveal()
	for _, v := range []any{k, *k, k.Material, k.Material[0], &k.Material[0], struct{ k *Key }{k}, struct{ k Key }{*k}} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&log, verb, v)
		}
		for _, form := range []string{string(material), fmt.Sprintf("%x", material), strings.Trim(fmt.Sprint(material), "[]"), base64.StdEncoding.EncodeToString(material)} {
			if strings.Contains(log.String(), form) {
				t.Errorf("%T prints its material", v)
			}
		}
	}
	data, err := json.Marshal(k.Material[0])
	if err != nil {
		t.Fatal(err)
	}
	var again Material
	if err := json.Unmarshal(data, &again); err != nil || !again.Secret.Equal(k.Material[0].Secret) || again.ID != k.Material[0].ID {
		t.Errorf("the record is read back as %v, %v", again, err)
	}
}

func FuzzCiphertext(f *testing.F) {
	k := testKey(true, 2)
	for _, context := range []map[string]string{nil, {"a": "b"}} {
		blob, err := k.seal([]byte("plaintext"), context)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(blob)
		blob[1] |= 2 // a flag that there is not
		f.Add(blob)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, blob []byte) {
		h, err := parseHeader(blob)
		if err != nil {
			return
		}
		if !bytes.Equal(h.append(nil), blob[:headerLen]) {
			t.Errorf("the header %x is read as %+v", blob[:headerLen], h)
		}
		u, multiRegion, ok := parseKeyID(h.keyID())
		if !ok || u != h.key || multiRegion != h.multiRegion {
			t.Errorf("the key id %s is read as %x", h.keyID(), u)
		}
		if plaintext, _, err := k.open(h, blob, map[string]string{"x": "y"}); err == nil {
			t.Errorf("opened as %q", plaintext)
		}
	})
}

var benchContext = map[string]string{
	"SecretARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf", "SecretVersionId": "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE",
}

func BenchmarkSeal(b *testing.B) {
	k, dataKey := testKey(false, 1), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.seal(dataKey, benchContext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k := testKey(false, 1)
	blob, err := k.seal(make([]byte, 32), benchContext)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := opens(k, blob, benchContext); err != nil {
			b.Fatal(err)
		}
	}
}
