package trulioo_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

// sample has the form of the answer that Trulioo prints (Trulioo, "HMAC", step 2), with a secret made for this test.
// The ids are no UUIDs there either.
const sample = `{"data":{"accountIdentifier":"6f87470e-eflk5-497a-a787-abarwerf4d437dff","webhooks":[{
	"webhookIdentifier":"8c45063c-998a-4b4c-aaf2-9efg8891a0082f","webhookCallbackUrl":null,"credentials":[{
	"credentialIdentifier":"35fd3bc3-672f-4474-86de-bd905687d580b4","secretValue":"Made^For#This=Test$0123456789?@-_!&%(,*",
	"effectiveStartDateTimeUTC":"2023-06-21T00:00:00","expirationDateTimeUTC":"2024-04-19T13:30:00"}]}]}}`

const sampleSecret = "Made^For#This=Test$0123456789?@-_!&%(,*"

// window asks a verifier over the keys at an instant.
func windowAt(t *testing.T, keys []hmacsig.Key, secret string, at time.Time) truhook.Reason {
	t.Helper()
	v, err := trulioo.New(hmacsig.StaticKeys(keys...), hmacsig.Config{})
	require.NoError(t, err)
	d := signed(t, secret)
	d.Received = at
	_, err = v.Verify(t.Context(), d)
	return truhook.ReasonOf(err)
}

func TestParseCredentials_TheSampleOfTheEndpoint(t *testing.T) {
	t.Parallel()
	requireSample(t)
}

func requireSample(t *testing.T) {
	t.Helper()
	keys, err := trulioo.ParseCredentials([]byte(sample))
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.Equal(t, "35fd3bc3-672f-4474-86de-bd905687d580b4", keys[0].ID())
	begin, end := time.Date(2023, 6, 21, 0, 0, 0, 0, time.UTC), time.Date(2024, 4, 19, 13, 30, 0, 0, time.UTC)
	require.Equal(t, truhook.KeyNotYetValid, windowAt(t, keys, sampleSecret, begin.Add(-time.Minute)))
	require.Empty(t, windowAt(t, keys, sampleSecret, begin))
	require.Empty(t, windowAt(t, keys, sampleSecret, end))
	require.Equal(t, truhook.KeyExpired, windowAt(t, keys, sampleSecret, end.Add(1)))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %q", keys, keys, keys, keys), sampleSecret)
}

func credentials(begin, end string) []byte {
	text := strings.Replace(sample, `"2024-04-19T13:30:00"`, end, 1)
	return []byte(strings.Replace(text, `"2023-06-21T00:00:00"`, begin, 1))
}

func TestParseCredentials_Times(t *testing.T) {
	t.Parallel()
	end := time.Date(2024, 4, 19, 13, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2024-04-19T13:30:00"`:           end,
		`"2024-04-19T13:30:00Z"`:          end,
		`"2024-04-19T13:30:00.0000000"`:   end,
		`"2024-04-19T13:30:00.5"`:         end.Add(time.Second / 2),
		`"2024-04-19T13:30:00.1234567Z"`:  end.Add(123456700),
		`"2024-04-19T15:30:00+02:00"`:     end,
		`"2024-04-19T08:30:00.000-05:00"`: end,
	} {
		keys, err := trulioo.ParseCredentials(credentials(`"2023-06-21T00:00:00"`, text))
		require.NoError(t, err, text)
		require.Empty(t, windowAt(t, keys, sampleSecret, want), text)
		require.Equal(t, truhook.KeyExpired, windowAt(t, keys, sampleSecret, want.Add(1)), text)
	}
	for _, text := range []string{
		`"2024-04-19"`, `"2024-04-19 13:30:00"`, `"19.04.2024"`, `"1713533400"`, `1713533400`, `true`, `{}`, `"never"`, `"2024-02-30T00:00:00"`,
		`""`, `"0001-01-01T00:00:00"`, `"0001-01-01T00:00:00Z"`, // which are no null, and must not open the window
	} {
		_, err := trulioo.ParseCredentials(credentials(`"2023-06-21T00:00:00"`, text))
		require.Error(t, err, text)
	}
}

func TestParseCredentials_ANullExpirationIsOpenEnded(t *testing.T) {
	t.Parallel()
	absent := strings.Replace(sample, `,"expirationDateTimeUTC":"2024-04-19T13:30:00"`, "", 1)
	require.NotEqual(t, sample, absent)
	for _, answer := range [][]byte{credentials(`"2023-06-21T00:00:00"`, "null"), []byte(absent)} {
		keys, err := trulioo.ParseCredentials(answer)
		require.NoError(t, err)
		require.Empty(t, windowAt(t, keys, sampleSecret, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)))
		require.Equal(t, truhook.KeyNotYetValid, windowAt(t, keys, sampleSecret, time.Date(2023, 6, 20, 23, 59, 29, 0, time.UTC)))
	}
}

func TestParseCredentials_SeveralWebhooksAndCredentials(t *testing.T) {
	t.Parallel()
	keys, err := trulioo.ParseCredentials([]byte(`{"data":{"webhooks":[
		{"credentials":[{"credentialIdentifier":"a","secretValue":"secret-a"},{"credentialIdentifier":"b","secretValue":"secret-b"}]},
		{"credentials":[]},{"credentials":null},
		{"credentials":[{"credentialIdentifier":"c","secretValue":"secret-c","unknown":1}]}]}}`))
	require.NoError(t, err)
	require.Equal(t, "[a b c]", fmt.Sprint(keys))
}

func TestParseCredentials_WhatHoldsNone(t *testing.T) {
	t.Parallel()
	one := func(fields string) string { return `{"data":{"webhooks":[{"credentials":[{` + fields + `}]}]}}` }
	for name, answer := range map[string]string{
		"nothing": "", "not JSON": "<html>" + sampleSecret, "null": "null", "an empty object": "{}", "an array": "[]", "two values": sample + sample,
		"cut": sample[:len(sample)-3], "no webhooks": `{"data":{"webhooks":[]}}`, "no credentials": `{"data":{"webhooks":[{"credentials":[]}]}}`,
		"no data":             `{"webhooks":[{"credentials":[{"credentialIdentifier":"a","secretValue":"s"}]}]}`,
		"an error answer":     `{"error":"invalid_client"}`,
		"an empty credential": one(""), "no id": one(`"secretValue":"` + sampleSecret + `"`), "no secret": one(`"credentialIdentifier":"a"`),
		"an empty secret": one(`"credentialIdentifier":"a","secretValue":""`), "a null secret": one(`"credentialIdentifier":"a","secretValue":null`),
		"a secret that is a number": one(`"credentialIdentifier":"a","secretValue":17`), "an empty id": one(`"credentialIdentifier":"","secretValue":"` + sampleSecret + `"`),
		"an id with a newline": one(`"credentialIdentifier":"a\nb","secretValue":"` + sampleSecret + `"`),
		"a window reversed":    string(credentials(`"2024-04-19T13:30:00"`, `"2023-06-21T00:00:00"`)),
		"a window of nothing":  string(credentials(`"2024-04-19T13:30:00"`, `"2024-04-19T13:30:00Z"`)),
	} {
		keys, err := trulioo.ParseCredentials([]byte(answer))
		require.Error(t, err, name)
		require.Empty(t, keys, name)
		require.NotContains(t, err.Error(), sampleSecret, name)
	}
}

func TestParseCredentials_AnOddOneCostsItselfOnly(t *testing.T) {
	t.Parallel()
	good := `{"credentialIdentifier":"a","secretValue":"` + sampleSecret + `"}`
	for _, odd := range []string{
		`null`, `17`, `"x"`, `[]`, `{}`, `{"credentialIdentifier":"b"}`, `{"credentialIdentifier":"b","secretValue":""}`, `{"credentialIdentifier":"b","secretValue":17}`,
		`{"credentialIdentifier":"b","secretValue":null}`, `{"secretValue":"s"}`, `{"credentialIdentifier":null,"secretValue":"s"}`,
		`{"credentialIdentifier":"b\n","secretValue":"s"}`, `{"credentialIdentifier":"b","secretValue":"s\n"}`, `{"credentialIdentifier":"b","secretValue":"s","expirationDateTimeUTC":"never"}`,
		`{"credentialIdentifier":"b","secretValue":"s","effectiveStartDateTimeUTC":17}`, `{"credentialIdentifier":"b","secretValue":"s","expirationDateTimeUTC":true}`,
		`{"credentialIdentifier":"b","secretValue":"s","effectiveStartDateTimeUTC":"2026-01-01T00:00:00","expirationDateTimeUTC":"2025-01-01T00:00:00"}`,
	} {
		for name, webhooks := range map[string]string{
			"beside":               `[{"credentials":[` + good + `,` + odd + `]}]`,
			"in front":             `[{"credentials":[` + odd + `,` + good + `]}]`,
			"of another webhook":   `[{"credentials":[` + odd + `]},{"credentials":[` + good + `]}]`,
			"an odd webhook":       `[null,17,"x",{"credentials":17},{"credentials":[` + odd + `,` + good + `]}]`,
			"the same one, as two": `[{"credentials":[` + good + `,` + odd + `]},{"credentials":[` + good + `]}]`,
		} {
			keys, err := trulioo.ParseCredentials([]byte(`{"data":{"webhooks":` + webhooks + `}}`))
			require.NoError(t, err, odd)
			require.Equal(t, "[a]", fmt.Sprint(keys), "%s: %s", name, odd)
		}
		_, err := trulioo.ParseCredentials([]byte(`{"data":{"webhooks":[{"credentials":[` + odd + `]}]}}`))
		require.ErrorContains(t, err, "no credential that can be used")
		require.NotContains(t, err.Error(), "\"s\"")
		require.NotContains(t, err.Error(), "other")
	}
}

// Two webhooks of one account can have one credentialIdentifier, and a renewed credential can keep it: which of them a
// delivery is signed with nobody but the delivery can say.
func TestParseCredentials_OneIDForSeveral(t *testing.T) {
	t.Parallel()
	const end = `,"expirationDateTimeUTC":"2030-01-01T00:00:00"`
	one := func(secret, more string) string {
		return fmt.Sprintf(`{"credentialIdentifier":"1","secretValue":%q%s}`, secret, more)
	}
	for name, c := range map[string]struct {
		webhooks string
		want     string
	}{
		"another secret":             {`[{"credentials":[` + one(sampleSecret, "") + `,` + one(secretOne, "") + `]}]`, "[1 1-2]"},
		"of another webhook":         {`[{"credentials":[` + one(sampleSecret, "") + `]},{"credentials":[` + one(secretOne, "") + `]}]`, "[1 1-2]"},
		"another window":             {`[{"credentials":[` + one(sampleSecret, end) + `,` + one(sampleSecret, "") + `]}]`, "[1 1-2]"},
		"the same":                   {`[{"credentials":[` + one(sampleSecret, "") + `]},{"credentials":[` + one(sampleSecret, "") + `]}]`, "[1]"},
		"a third that is the second": {`[{"credentials":[` + one(sampleSecret, "") + `,` + one(secretOne, "") + `,` + one(secretOne, "") + `]}]`, "[1 1-2]"},
		"whose label is taken": {`[{"credentials":[{"credentialIdentifier":"1-2","secretValue":"` + secretTwo + `"},` +
			one(sampleSecret, "") + `,` + one(secretOne, "") + `]}]`, "[1-2 1 1-3]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := trulioo.ParseCredentials([]byte(`{"data":{"webhooks":` + c.webhooks + `}}`))
			require.NoError(t, err)
			require.Equal(t, c.want, fmt.Sprint(keys))
			late := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
			require.Equal(t, truhook.Reason(""), windowAt(t, keys, sampleSecret, late), "as long as one of the windows holds")
			if strings.Contains(c.webhooks, secretOne) {
				require.Equal(t, truhook.Reason(""), windowAt(t, keys, secretOne, late))
			}
			_, err = hmacsig.New(trulioo.Scheme(), hmacsig.StaticKeys(keys...), hmacsig.Config{})
			require.NoError(t, err, "each key has a label of its own")
		})
	}
}

// The labels of many cost in proportion to their number.
func TestParseCredentials_ManyOfOneIDHaveLabelsOfTheirOwn(t *testing.T) {
	t.Parallel()
	list := make([]string, 3000)
	for i := range list {
		list[i] = fmt.Sprintf(`{"credentialIdentifier":"1","secretValue":"truhook-test-only-%d"}`, i)
	}
	keys, err := trulioo.ParseCredentials([]byte(`{"data":{"webhooks":[{"credentials":[` + strings.Join(list, ",") + `]}]}}`))
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, k := range keys {
		ids[k.ID()] = true
	}
	require.Len(t, ids, len(list))
}

func TestParseCredentials_AShortSecretWithoutAnotherLabelCostsItself(t *testing.T) {
	t.Parallel()
	const id = "credential 7777" // 15 characters: with "-2" it is as long as a secret
	keys, err := trulioo.ParseCredentials([]byte(`{"data":{"webhooks":[{"credentials":[` +
		`{"credentialIdentifier":"` + id + `","secretValue":"short"},{"credentialIdentifier":"` + id + `","secretValue":"other"}]}]}}`))
	require.NoError(t, err)
	require.Equal(t, "["+id+"]", fmt.Sprint(keys))
}

// The form of an id is not documented, so an id costs no credential; but one that could be a secret is not shown.
func TestParseCredentials_AnIDThatLooksLikeASecretIsNotShown(t *testing.T) {
	t.Parallel()
	for id, shown := range map[string]bool{
		"5f0c7cd8-3c5a-4f7e-9a0d-2f4f7a5b1c3d": true, "5f0c7cd83c5a4f7e9a0d2f4f7a5b1c3d": true, "credential 7": true, "a": true,
		"0123456789abcdef0123456789abcdef01234567": false, "Ab3dEf6hIj9lMn2pQr5tUv": false, "q1w2e3r4t5Y6u7i8o9p0a1s2d3==": false,
		"whsec_0123456789abcdef": false, "Secret^One#$=0123456789": false,
	} {
		one := func(secret string) string {
			return fmt.Sprintf(`{"credentialIdentifier":%q,"secretValue":%q}`, id, secret)
		}
		answer := func(list string) []byte { return []byte(`{"data":{"webhooks":[{"credentials":[` + list + `]}]}}`) }
		keys, err := trulioo.ParseCredentials(answer(one(sampleSecret)))
		require.NoError(t, err, id)
		require.Len(t, keys, 1)
		if shown {
			require.Equal(t, id, keys[0].ID())
		} else {
			require.Regexp(t, "^sha256:[0-9a-f]{12}$", keys[0].ID(), id)
		}
		again, err := trulioo.ParseCredentials(answer(one(sampleSecret) + "," + one(sampleSecret)))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(keys), fmt.Sprint(again), "the same id has the same label")
		require.Equal(t, truhook.Reason(""), windowAt(t, keys, sampleSecret, time.Now()))

		both, err := trulioo.ParseCredentials(answer(one(sampleSecret) + "," + one(secretOne)))
		require.NoError(t, err)
		require.Len(t, both, 2)
		require.Equal(t, keys[0].ID(), both[0].ID())
		require.NotEqual(t, keys[0].ID(), both[1].ID())
		require.Equal(t, shown, strings.Contains(both[1].ID(), id), id)
		_, err = trulioo.ParseCredentials(answer(one("short")))
		require.Equal(t, len(id) < 16, err == nil, "an id and a secret that were swapped: %s", id)
	}
}

// timeZoneChild tells the test binary that it is one of those that TestParseCredentials_NoTimeZoneMovesAWindow began.
const timeZoneChild = "TRUHOOK_TEST_TIME_ZONE_CHILD"

func TestParseCredentials_NoTimeZoneMovesAWindow(t *testing.T) {
	t.Parallel()
	if os.Getenv(timeZoneChild) != "" {
		requireSample(t)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for _, zone := range []string{"UTC", "America/Vancouver", "Pacific/Kiritimati", "Asia/Kathmandu", "Europe/Berlin"} {
		command := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
		command.Env = append(os.Environ(), "TZ="+zone, timeZoneChild+"=1")
		out, err := command.CombinedOutput()
		assert.NoError(t, err, "%s: %s", zone, out)
		assert.Contains(t, string(out), "--- PASS: "+t.Name())
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte(sample))
	f.Add(credentials("null", "null"))
	f.Add(credentials(`"2023-06-21T00:00:00Z"`, `"9999-12-31T23:59:59.9999999"`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		keys, err := trulioo.ParseCredentials(answer)
		if err != nil {
			require.Empty(t, keys)
			return
		}
		require.NotEmpty(t, keys)
		for _, k := range keys {
			require.NotEmpty(t, k.ID())
			require.Equal(t, k.ID(), fmt.Sprint(k))
		}
	})
}
