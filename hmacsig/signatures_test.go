package hmacsig_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// listed is a scheme with several signatures in a header, and nothing else.
func listed() hmacsig.Scheme {
	return hmacsig.Scheme{Name: "listed", Header: "X-Sign", Prefix: "v1=", Separator: ","}
}

func TestAtMostEightSignaturesAreLookedAt(t *testing.T) {
	t.Parallel()
	v := verifier(t, listed())
	good, bad := "v1="+hexOf(testSecret, body), "v1="+strings.Repeat("0", 64)
	for total := 1; total <= 10; total++ {
		for place := range total {
			list := make([]string, total)
			for i := range list {
				list[i] = bad
			}
			list[place] = good
			want := truhook.Reason("")
			if total > 8 {
				want = truhook.MalformedSignature
			}
			requireReason(t, want, v, delivery(body, "X-Sign", strings.Join(list, ",")))
		}
		want := truhook.SignatureMismatch
		if total > 8 {
			want = truhook.MalformedSignature
		}
		requireReason(t, want, v, delivery(body, "X-Sign", strings.Repeat(bad+",", total-1)+bad))
	}
}

func TestElementsOfOtherVersionsArePassedOver(t *testing.T) {
	t.Parallel()
	v := verifier(t, listed())
	digits := hexOf(testSecret, body)
	good := "v1=" + digits
	for text, want := range map[string]truhook.Reason{
		good:                                 "",
		"v0=" + digits + "," + good:          "",
		good + ",v2=zzz":                     "",
		strings.Repeat("v0=x,", 500) + good:  "",
		"," + good + ",":                     "",
		"v0=" + digits:                       truhook.MalformedSignature,
		"V1=" + digits:                       truhook.MalformedSignature,
		digits:                               truhook.MalformedSignature,
		",":                                  truhook.MalformedSignature,
		"v1=":                                truhook.MalformedSignature,
		"v1=" + digits[:62] + "," + good:     "", // no digest, and passed over
		good + ",v1=":                        "",
		good + ",v1=" + digits + "00":        "",
		"v1=" + digits[:62]:                  truhook.MalformedSignature,
		" " + good:                           "",
		"v0=" + digits + ", " + good:         "",
		"v0=x\t ,\t" + good + "  ":           "",
		"v1= " + digits:                      truhook.MalformedSignature,
		"v0=" + digits + ";" + good:          truhook.MalformedSignature,
		"v1=" + good:                         truhook.MalformedSignature,
		strings.Repeat("v0=x,", 1000) + good: truhook.HeaderTooLong,
	} {
		requireReason(t, want, v, delivery(body, "X-Sign", text))
	}
}

func TestOneBadSignatureBesideAGoodOneIsNoHarm(t *testing.T) {
	t.Parallel()
	v := verifier(t, stripe())
	at := fmt.Sprint(start.Unix())
	good := hexOf(testSecret, at+"."+body)
	requireReason(t, "", v, delivery(body, "Stripe-Signature", "t="+at+",v1="+strings.Repeat("0", 64)+",v1="+good+",v0=x"))
	requireReason(t, "", v, delivery(body, "Stripe-Signature", "v1="+good+",t="+at))
	requireReason(t, truhook.DuplicateHeader, v, delivery(body, "Stripe-Signature", "t="+at+",v1="+good, "Stripe-Signature", "t="+at+",v1="+good))
}

func TestTheElementOfTheTimestamp(t *testing.T) {
	t.Parallel()
	v := verifier(t, stripe())
	at := fmt.Sprint(start.Unix())
	good := ",v1=" + hexOf(testSecret, at+"."+body)
	for head, want := range map[string]truhook.Reason{
		"t=" + at:               "",
		"x=1,t=" + at:           "",
		"v1x=1,t=" + at:         "",
		"t=" + at + ",t=" + at:  truhook.MalformedTimestamp,
		"t=1,t=" + at:           truhook.MalformedTimestamp,
		"t=,t=" + at:            truhook.MalformedTimestamp,
		"t=":                    truhook.MissingTimestamp,
		"t":                     truhook.MissingTimestamp,
		"T=" + at:               truhook.MissingTimestamp,
		" t=" + at:              "", // blanks around an element do not count
		"tt=" + at:              truhook.MissingTimestamp,
		"x":                     truhook.MissingTimestamp,
		"t=" + at + " ":         "",
		"t= " + at:              truhook.MalformedTimestamp,
		"t =" + at:              truhook.MissingTimestamp,
		"t==" + at:              truhook.MalformedTimestamp,
		"t=" + at + "=":         truhook.MalformedTimestamp,
		"t=" + at + "." + at:    truhook.MalformedTimestamp,
		"t=" + at[:9]:           truhook.Expired,
		"t=" + at[:9] + "x":     truhook.MalformedTimestamp,
		"t=-" + at:              truhook.MalformedTimestamp,
		"t=+" + at:              truhook.MalformedTimestamp,
		"t=0" + at:              truhook.MalformedTimestamp,
		"t=0":                   truhook.MalformedTimestamp,
		"t=" + at + ".0":        truhook.MalformedTimestamp,
		"t=" + at + "e0":        truhook.MalformedTimestamp,
		"t=0x69a57c40":          truhook.MalformedTimestamp,
		"t=1_772_452_800":       truhook.MalformedTimestamp,
		"t=\uff11772452800":     truhook.MalformedTimestamp,
		"t=2026-03-02T12:00:00": truhook.MalformedTimestamp,
		"t=99999999999":         truhook.NotYetValid,
		"t=100000000000":        truhook.MalformedTimestamp,
		"t=9223372036854775808": truhook.MalformedTimestamp,
		"t=" + at + "000":       truhook.MalformedTimestamp, // milliseconds
	} {
		requireReason(t, want, v, delivery(body, "Stripe-Signature", head+good))
	}
}

func TestTheToleranceIsInclusiveOnBothSides(t *testing.T) {
	t.Parallel()
	const tolerance = 5 * time.Minute
	at := fmt.Sprint(start.Unix())
	for offset, want := range map[time.Duration]truhook.Reason{
		-1 << 63:                     truhook.NotYetValid,
		-time.Hour:                   truhook.NotYetValid,
		-tolerance - time.Second:     truhook.NotYetValid,
		-tolerance - time.Nanosecond: truhook.NotYetValid,
		-tolerance:                   "",
		-1:                           "",
		0:                            "",
		1:                            "",
		tolerance:                    "",
		tolerance + time.Nanosecond:  truhook.Expired,
		tolerance + time.Second:      truhook.Expired,
		time.Hour:                    truhook.Expired,
		1<<63 - 1:                    truhook.Expired,
	} {
		d := delivery(body, "Stripe-Signature", "t="+at+",v1="+hexOf(testSecret, at+"."+body))
		d.Received = start.Add(offset)
		requireReason(t, want, verifier(t, stripe()), d)
	}
}

func TestATimestampThatIsNotSignedDoesNotMatch(t *testing.T) {
	t.Parallel()
	v := verifier(t, stripe())
	at, other := fmt.Sprint(start.Unix()), fmt.Sprint(start.Unix()+1)
	requireReason(t, truhook.SignatureMismatch, v, delivery(body, "Stripe-Signature", "t="+other+",v1="+hexOf(testSecret, at+"."+body)))
	requireReason(t, truhook.SignatureMismatch, v, delivery(body, "Stripe-Signature", "t="+at+",v1="+hexOf(testSecret, body)))
}

func standardDelivery(id, at, content, payload string) *truhook.Delivery {
	return delivery(payload, "Webhook-Id", id, "Webhook-Timestamp", at, "Webhook-Signature", "v1,"+base64Of(testSecret, content))
}

func TestNoByteMovesAcrossASeparator(t *testing.T) {
	t.Parallel()
	v := verifier(t, standard())
	at := fmt.Sprint(start.Unix())
	content := "msg." + at + ".1234.5"
	requireReason(t, "", v, standardDelivery("msg", at, content, "1234.5"))
	for name, d := range map[string]*truhook.Delivery{
		"timestamp into the id":         standardDelivery("msg."+at, "1234", content, "5"),
		"a dot into the id":             standardDelivery("msg.", at, "msg.."+at+"."+body, body),
		"an id of nothing but a dot":    standardDelivery(".", at, ".."+at+"."+body, body),
		"a digit into the body":         standardDelivery("msg", at[:9], content, at[9:]+".1234.5"),
		"a digit out of the body":       standardDelivery("msg", at+"1", content, "234.5"),
		"the id's end in the timestamp": standardDelivery("ms", "g"+at, content, "1234.5"),
	} {
		_, err := v.Verify(t.Context(), d)
		require.Error(t, err, name)
	}
}

func TestNoByteMovesAcrossALongSeparator(t *testing.T) {
	t.Parallel()
	for _, literal := range []string{"..", ".", "aba", "::", ".-."} {
		s := hmacsig.Scheme{Name: "long", Header: "X-Sign", Content: "{id}" + literal + "{body}", ID: "X-Id"}
		v := verifier(t, s)
		content := "a" + strings.Repeat(literal, 4) + "b"
		accepted := 0
		for cut := 1; cut+len(literal) <= len(content); cut++ { // every way to read the same signed text
			if content[cut:cut+len(literal)] != literal {
				continue
			}
			d := delivery(content[cut+len(literal):], "X-Id", content[:cut], "X-Sign", hexOf(testSecret, content))
			if _, err := v.Verify(t.Context(), d); err == nil {
				accepted++
			}
		}
		require.Equal(t, 1, accepted, "%q: one signed text is one message", literal)
	}
}

func TestMessageIDs(t *testing.T) {
	t.Parallel()
	v := verifier(t, standard())
	at := fmt.Sprint(start.Unix())
	for id, want := range map[string]truhook.Reason{
		"msg_1": "", "~!#$%&/=?": "", "": truhook.MissingMessageID, ".": truhook.MalformedMessageID, "a.b": truhook.MalformedMessageID,
		"a b": truhook.MalformedMessageID, "a\tb": truhook.MalformedMessageID, "a\x00": truhook.MalformedMessageID, "é": truhook.MalformedMessageID,
		"a\r\nb": truhook.MalformedMessageID, "\x7f": truhook.MalformedMessageID, strings.Repeat("a", 4096): "", strings.Repeat("a", 4097): truhook.HeaderTooLong,
	} {
		requireReason(t, want, v, standardDelivery(id, at, id+"."+at+"."+body, body))
	}
	d := standardDelivery("msg", at, "msg."+at+"."+body, body)
	d.Header.Add("Webhook-Id", "msg")
	requireReason(t, truhook.DuplicateHeader, v, d)
	d = standardDelivery("msg", at, "msg."+at+"."+body, body)
	d.Header.Add("Webhook-Timestamp", at)
	requireReason(t, truhook.DuplicateHeader, v, d)
	d.Header.Del("Webhook-Timestamp")
	requireReason(t, truhook.MissingTimestamp, v, d)
}

func TestTheProofCarriesTheIDAndTimeThatWereSigned(t *testing.T) {
	t.Parallel()
	at := fmt.Sprint(start.Unix())
	got, err := verifier(t, standard()).Verify(t.Context(), standardDelivery("msg", at, "msg."+at+"."+body, body))
	require.NoError(t, err)
	m, ok := truhook.Detail[hmacsig.Message](got)
	require.True(t, ok)
	require.Equal(t, hmacsig.Message{ID: "msg", Time: time.Unix(start.Unix(), 0)}, m)
	for _, s := range providers() {
		got, err := verifier(t, s).Verify(t.Context(), delivery(body, s.Header, s.Prefix+hexOf(testSecret, body)))
		require.NoError(t, err)
		require.Nil(t, got.Proofs[0].Detail)
		require.Equal(t, s.Name, got.Proofs[0].Scheme)
	}
}

// The time that is told is the one that was signed, whatever other keys and groups are tried beside it.
func TestVerify_TheTimeIsThatOfTheGroupThatFits(t *testing.T) {
	t.Parallel()
	s := hmacsig.Scheme{
		Name: "groups", Header: "X-Sign", Prefix: "v1=", Separator: ",", Groups: true, Content: "{timestamp}.{body}", Timestamp: "X-Sign#t",
		Tolerance: time.Hour,
	}
	keys := []hmacsig.Key{testKey(t, "first", testSecret), testKey(t, "second", "another-"+testSecret), testKey(t, "third", "third-"+testSecret)}
	signedAt, claimed := start.Add(-time.Minute), start.Add(time.Minute)
	group := func(at time.Time, secret string) string {
		stamp := fmt.Sprint(at.Unix())
		return "t=" + stamp + ",v1=" + hexOf(secret, stamp+"."+body)
	}
	for name, secret := range map[string]string{"first": testSecret, "second": "another-" + testSecret, "third": "third-" + testSecret} {
		for place, header := range []string{
			group(signedAt, secret) + " " + group(claimed, "nobody's"), group(claimed, "nobody's") + " " + group(signedAt, secret),
		} {
			v, err := hmacsig.New(s, hmacsig.StaticKeys(keys...), hmacsig.Config{Now: func() time.Time { return start }})
			require.NoError(t, err)
			got, err := v.Verify(t.Context(), delivery(body, "X-Sign", header))
			require.NoError(t, err)
			m, ok := truhook.Detail[hmacsig.Message](got)
			require.True(t, ok)
			require.True(t, signedAt.Equal(m.Time), "%s, group %d: %v", name, place, m.Time)
			require.Equal(t, name, got.Proofs[0].KeyID)
		}
	}
}
