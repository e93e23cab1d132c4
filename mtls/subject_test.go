package mtls_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

func mustParse(t testing.TB, text string) mtls.Subject {
	t.Helper()
	s, err := mtls.ParseSubject(text)
	require.NoError(t, err, text)
	return s
}

// der encodes relative names as a certificate does: each is a list of type, tag and bytes.
type value struct {
	oid  asn1.ObjectIdentifier
	tag  int
	data string
}

func der(t testing.TB, name ...[]value) []byte {
	t.Helper()
	var sequence []byte
	for _, set := range name {
		var content []byte
		for _, v := range set {
			oid, err := asn1.Marshal(v.oid)
			require.NoError(t, err)
			text, err := asn1.Marshal(asn1.RawValue{Tag: v.tag, Bytes: []byte(v.data)})
			require.NoError(t, err)
			pair, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(oid, text...)})
			require.NoError(t, err)
			content = append(content, pair...)
		}
		one, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: content})
		require.NoError(t, err)
		sequence = append(sequence, one...)
	}
	all, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: sequence})
	require.NoError(t, err)
	return all
}

func subjectOf(raw []byte) (mtls.Subject, error) {
	return mtls.SubjectOf(&x509.Certificate{RawSubject: raw})
}

var (
	oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidO  = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOU = asn1.ObjectIdentifier{2, 5, 4, 11}
)

func TestParseSubjectReadsEverySpellingOfTheDocumentedNames(t *testing.T) {
	t.Parallel()
	for cn, want := range map[string]mtls.Subject{
		"webhooks.launchkey.com":    mustParse(t, production),
		"ci-webhooks.launchkey.com": mustParse(t, strings.Replace(production, "CN=", "CN=ci-", 1)),
	} {
		for _, o := range []string{`iovation\, Inc.`, `iovation\2C Inc.`, `iovation\2c\20Inc.`, `iovation, Inc.`, `iovation\x5C, Inc.`, `iovationx5C, Inc.`, `#0c0e696f766174696f6e2c20496e632e`} {
			assert.Equal(t, want, mustParse(t, "CN="+cn+",O="+o+",L=Portland,ST=Oregon,C=US"), o)
		}
		assert.Equal(t, want, mustParse(t, `cn=`+cn+`, 2.5.4.10=iovation\, Inc., L=Portland, S=Oregon, c=US`))
		assert.Equal(t, want, mustParse(t, "/C=US/ST=Oregon/L=Portland/O=iovation, Inc./CN="+cn))
	}
}

// An alias is a whole text. Undoing \x5C or a bare comma anywhere else would let a certificate forge a separator.
func TestTheAliasesHoldAsAWholeOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"CN=webhooks.launchkey.com,O=iovation, Inc.,L=Portland,ST=Oregon,C=GB",
		"CN=webhooks.launchkey.com,O=iovation, Inc.,L=Portland,ST=Oregon,C=US ",
		"cn=webhooks.launchkey.com,O=iovation, Inc.,L=Portland,ST=Oregon,C=US",
		"CN=evil.example,O=iovation, Inc.,L=Portland,ST=Oregon,C=US",
		`CN=webhooks.launchkey.com,O=iovation\x5C Inc.,L=Portland,ST=Oregon,C=US`,
		`CN=webhooks.launchkey.com,O=iovation\x2C Inc.,L=Portland,ST=Oregon,C=US`,
		`CN=evil\x5C,O=iovation`,
	} {
		_, err := mtls.ParseSubject(text)
		assert.Error(t, err, text)
	}
	// The one that decodes to the expected name if \xHH is undone first.
	assert.NotEqual(t, mustParse(t, production),
		mustParse(t, `CN=webhooks.launchkey.com,O=iovation\\x2C Inc.,L=Portland,ST=Oregon,C=US`))
}

func TestParseSubjectRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "no pair": "webhooks.launchkey.com", "an empty type": "=a", "only a comma": ",",
		"a trailing comma": "CN=a,", "a trailing plus": "CN=a+", "a leading comma": ",CN=a", "an empty relative name": "CN=a,,O=b",
		"a bare comma": "CN=a,b", "a bare semicolon": "CN=a;O=b", "a bare quote": `O="a, b"`, "a bare less-than": "CN=a<b",
		"a bare greater-than": "CN=a>b", "a trailing backslash": `CN=a\`, "half a hex pair": `CN=a\4`, "a bad hex pair": `CN=a\4x`,
		"an escape of a letter": `CN=\a`, "a space before a value": "CN= a", "a space after a value": "CN=a ,O=b",
		"a space before the equals sign": "CN =a", "an unknown type": "XX=a", "SN, which is two types": "SN=a", "a type with a sign": "2.+5.4.3=a",
		"a type with a leading zero": "2.5.4.03=a", "a type of one arc": "2=a", "an impossible type": "9.5.4.3=a", "a type with a huge arc": "2.5.4.4294967296=a", "OID. before a type": "OID.2.5.4.3=a",
		"NUL": `CN=a\00`, "a line feed": `CN=a\0A`, "a bare line feed": "CN=a\n", "DEL": `CN=\7F`, "a C1 control": `CN=\C2\85`,
		"broken UTF-8": "CN=\xff", "broken UTF-8 by escapes": `CN=\C3`, "a # without digits": "CN=#", "odd digits": "CN=#0c0", "digits that are no string": "CN=#020101",
		"bytes after the string": "CN=#0c016100", "a # string of another type": "CN=#140161", "a constructed string": "CN=#2c030c0161", "letters after #": "CN=#lead",
		"a slash form without a value": "/CN", "a slash form with an empty part": "/CN=a//O=b", "only a slash": "/", "a backslash in the slash form": `/O=a\/CN=b`,
		"a plus sign in the slash form": "/O=a+OU=b", "a trailing slash": "/CN=a/", "a control in the slash form": "/CN=a\x00",
		"forward order with spaces": `C = US, O = "iovation, Inc."`, "more than 4 KiB": "CN=" + strings.Repeat("a", 4094),
	} {
		s, err := mtls.ParseSubject(text)
		assert.Error(t, err, "%s: %q", name, text)
		assert.Zero(t, s, name)
	}
}

func TestParseSubjectAccepts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"O=":                          "O=",
		"CN=a=b/c":                    "CN=a=b/c",
		`OU=\#lead+OU=\ sp\ `:         `OU=\ sp\ +OU=\#lead`,
		"O=b+CN=a":                    "CN=a+O=b",
		"O=a+O=a":                     "O=a+O=a",
		`O=\C3\9Cn`:                   "O=Ün",
		`CN=\"\+\,\;\<\>\\h\=i`:       `CN=\"\+\,\;\<\>\\h=i`,
		`CN=a\ b`:                     "CN=a b",
		`CN=\ `:                       `CN=\ `,
		"1.3.6.1.4.1.99999.1=x":       "1.3.6.1.4.1.99999.1=#0c0178",
		"1.3.6.1.4.1.99999.1=#130178": "1.3.6.1.4.1.99999.1=#0c0178",
		"E=a@b.example,0.9.2342.19200300.100.1.25=x": "emailAddress=a@b.example,DC=x",
		"/C=US/CN=C=US": "CN=C=US,C=US",
		"/O=":           "O=",
	} {
		assert.Equal(t, want, mustParse(t, text).String(), text)
	}
}

func TestOrderMultiplicityAndEveryCodePointCount(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"CN=a,O=b", "O=b,CN=a"},
		{"CN=a,O=b", "CN=a+O=b"},
		{"O=a+O=a+O=b", "O=a+O=b+O=c"}, // CVE-2026-33248 of nats-server
		{"O=a+O=a", "O=a"},
		{"CN=a,CN=a", "CN=a"},
		{"CN=a", "CN=A"},
		{"CN=a  b", "CN=a b"},
		{`CN=\ a`, "CN=a"},
		{`CN=e\CC\81`, `CN=\C3\A9`}, // é in two normal forms
		{"CN=k", "CN=\u212a"},
		{`O=a\,CN=b`, "O=a,CN=b"},
		{`O=a\+CN=b`, "O=a+CN=b"},
		{"OU=a", "O=a"},
		{"CN=a,O=", "CN=a"},
	} {
		assert.NotEqual(t, mustParse(t, pair[0]), mustParse(t, pair[1]), "%q", pair)
	}
	assert.Equal(t, mustParse(t, "O=a+OU=b"), mustParse(t, "OU=b+O=a"), "the order inside one relative name does not count")
}

func TestSubjectOfComparesCodePointsWhateverTheStringType(t *testing.T) {
	t.Parallel()
	want := mustParse(t, "O=ab")
	for name, v := range map[string]value{
		"UTF8String":      {oidO, asn1.TagUTF8String, "ab"},
		"PrintableString": {oidO, asn1.TagPrintableString, "ab"},
		"IA5String":       {oidO, asn1.TagIA5String, "ab"},
		"BMPString":       {oidO, asn1.TagBMPString, "\x00a\x00b"},
	} {
		got, err := subjectOf(der(t, []value{v}))
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	got, err := subjectOf(der(t, []value{{oidCN, asn1.TagUTF8String, "x"}}, []value{{oidO, asn1.TagUTF8String, "b"}, {oidOU, asn1.TagUTF8String, "a"}}))
	require.NoError(t, err)
	assert.Equal(t, "O=b+OU=a,CN=x", got.String())
}

func TestSubjectOfRefuses(t *testing.T) {
	t.Parallel()
	ok := value{oidO, asn1.TagUTF8String, "a"}
	for name, raw := range map[string][]byte{
		"nothing":             nil,
		"an empty name":       der(t),
		"an empty set":        der(t, []value{}),
		"trailing bytes":      append(der(t, []value{ok}), 0),
		"a set as the name":   append([]byte{0x31}, der(t, []value{ok})[1:]...),
		"a truncated name":    der(t, []value{ok})[:6],
		"TeletexString":       der(t, []value{{oidO, asn1.TagT61String, "a"}}),
		"NumericString":       der(t, []value{{oidO, asn1.TagNumericString, "1"}}),
		"UniversalString":     der(t, []value{{oidO, 28, "\x00\x00\x00a"}}),
		"an integer":          der(t, []value{{oidO, asn1.TagInteger, "\x01"}}),
		"NUL":                 der(t, []value{{oidO, asn1.TagUTF8String, "a\x00b"}}),
		"a line feed":         der(t, []value{{oidO, asn1.TagUTF8String, "a\n"}}),
		"NUL in BMPString":    der(t, []value{{oidO, asn1.TagBMPString, "\x00\x00"}}),
		"odd BMPString":       der(t, []value{{oidO, asn1.TagBMPString, "\x00a\x00"}}),
		"a surrogate":         der(t, []value{{oidO, asn1.TagBMPString, "\xd8\x00\xdc\x00"}}),
		"broken UTF-8":        der(t, []value{{oidO, asn1.TagUTF8String, "\xff"}}),
		"8 bits in IA5String": der(t, []value{{oidO, asn1.TagIA5String, "\xfc"}}),
		"one bad of two":      der(t, []value{ok}, []value{{oidO, asn1.TagUTF8String, "\x7f"}}),
	} {
		s, err := subjectOf(raw)
		assert.Error(t, err, name)
		assert.Zero(t, s, name)
	}
}

// No value of an attribute may stand for an attribute of its own.
func TestASubjectInsideAValueNeverMatches(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	slash := "C=US/ST=Oregon/L=Portland/O=iovation, Inc./CN=webhooks.launchkey.com"
	for name, n := range map[string]pkix.RDNSequence{
		"O with a comma and the CN":   rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, Inc., CN=webhooks.launchkey.com"),
		"O with the CN before it":     rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "webhooks.launchkey.com,O=iovation, Inc."),
		"evil O, comma and the CN":    rdns("O", "Evil, CN=webhooks.launchkey.com", "CN", "evil.example"),
		"CN with a comma and the CN":  rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, Inc.", "CN", "evil, CN=webhooks.launchkey.com"),
		"CN with the whole text":      rdns("CN", production),
		"CN with the bare text":       rdns("CN", "webhooks.launchkey.com,O=iovation, Inc.,L=Portland,ST=Oregon,C=US"),
		"CN with the slash text":      rdns("CN", slash),
		"O with the slash text":       rdns("O", "Evil/"+slash, "CN", "evil.example"),
		"two CNs, the right one last": rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, Inc.", "CN", "evil.example", "CN", "webhooks.launchkey.com"),
		"the right CN twice":          rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, Inc.", "CN", "webhooks.launchkey.com", "CN", "webhooks.launchkey.com"),
		"reversed":                    rdns("CN", "webhooks.launchkey.com", "O", "iovation, Inc.", "L", "Portland", "ST", "Oregon", "C", "US"),
		"one attribute more":          append(productionName(), rdns("OU", "Ops")...),
		"one attribute less":          productionName()[1:],
		"a NUL after the CN":          rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, Inc.", "CN", "webhooks.launchkey.com\x00.evil.example"),
		"a backslash and x2C":         rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", `iovation\x2C Inc.`, "CN", "webhooks.launchkey.com"),
		"a backslash and x5C":         rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", `iovation\x5C, Inc.`, "CN", "webhooks.launchkey.com"),
		"x5C":                         rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", `iovationx5C, Inc.`, "CN", "webhooks.launchkey.com"),
		"another letter case":         rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, inc.", "CN", "webhooks.launchkey.com"),
		"a space more":                rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation,  Inc.", "CN", "webhooks.launchkey.com"),
		"a final dot":                 rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, Inc.", "CN", "webhooks.launchkey.com."),
	} {
		assert.Equal(t, truhook.WrongSubjectName, verdict(t, v, over(root.issue(t, false, named(n)))), name)
	}
	assert.Equal(t, truhook.Reason(""), verdict(t, v, over(root.issue(t, false, named(productionName())))))
}

func FuzzParseSubjectReadsBackWhatItPrints(f *testing.F) {
	for _, s := range []string{production, "/C=US/CN=a", `OU=\#lead+OU=\ sp\ `, "1.2.3.4=#0c0161", `CN=\C3\9C,O=`, "E=a+E=a,CN=x=y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := mtls.ParseSubject(text)
		if err != nil {
			require.Zero(t, s)
			return
		}
		if len(s.String()) > 4096 {
			return // escapes may take it over the limit
		}
		again, err := mtls.ParseSubject(s.String())
		require.NoError(t, err, "%q", s)
		require.Equal(t, s, again)
	})
}

func FuzzSubjectOfPrintsWhatParseSubjectReads(f *testing.F) {
	f.Add(der(f, []value{{oidCN, asn1.TagUTF8String, "a,b"}}, []value{{oidO, asn1.TagPrintableString, "c"}, {oidOU, asn1.TagBMPString, "\x00d"}}))
	f.Add(der(f, []value{{asn1.ObjectIdentifier{1, 2, 3, 4}, asn1.TagIA5String, "#x "}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := subjectOf(raw)
		if err != nil {
			require.Zero(t, s)
			return
		}
		require.NotEmpty(t, s.String())
		if len(s.String()) > 4096 {
			return
		}
		again, err := mtls.ParseSubject(s.String())
		require.NoError(t, err, "%q", s)
		require.Equal(t, s, again)
	})
}
