package recorded_test

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

const request = "POST /webhooks/truv HTTP/1.1\r\nHost: receiver.example\r\nX-WEBHOOK-SIGN: v1=00\r\n"

const minimal = "provider: truv\nexpect: accepted\n\n" + request + "Content-Length: 2\r\n\r\n{}"

func full() *recorded.File {
	return &recorded.File{
		Provider: "truv",
		About:    "all there is: colons, blanks  and ümlauts ",
		Expect:   truhook.KeyExpired,
		Now:      time.Date(2026, 3, 2, 9, 30, 0, 5, time.UTC),
		Secrets: []recorded.Secret{
			{ID: "current", Value: "truhook-test-only: two  words "},
			{
				ID: "previous", Value: "truhook-test-only#$",
				NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			},
		},
		MadeBy:   "hand",
		Redacted: "nothing",
		Wire:     []byte("not even HTTP\r\n\n\x00\xff"),
	}
}

func TestWhatIsWrittenReadsAsTheSame(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, recorded.Write(&b, full()))
	got, err := recorded.Read(&b)
	require.NoError(t, err)
	assert.Equal(t, full(), got)
}

func TestTheRecordedDeliveriesAreWrittenAsTheyWereRead(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(deliveries.FS(), "*/*.http")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		data, err := fs.ReadFile(deliveries.FS(), name)
		require.NoError(t, err)
		file, err := recorded.ReadFS(deliveries.FS(), name)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, recorded.Write(&b, file))
		assert.True(t, bytes.Equal(data, b.Bytes()), "%s is in another layout than Write's", name)
		assert.NotEmpty(t, file.About, name)
		assert.NotEmpty(t, file.MadeBy, name)
	}
}

func TestReadRefusesWhatTheFormatDoesNotDescribe(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                   "",
		"no description":            request + "\r\n",
		"no empty line":             "provider: truv\nexpect: accepted\n",
		"no request":                "provider: truv\nexpect: accepted\n\n",
		"no provider":               "expect: accepted\n\n" + request,
		"an empty provider":         "provider: \nexpect: accepted\n\n" + request,
		"no expect":                 "provider: truv\n\n" + request,
		"an unknown verdict":        "provider: truv\nexpect: fine\n\n" + request,
		"an empty verdict":          "provider: truv\nexpect: \n\n" + request,
		"a verdict in capitals":     "provider: truv\nexpect: Accepted\n\n" + request,
		"an unknown key":            "provider: truv\nexpect: accepted\ncomment: x\n\n" + request,
		"a key in capitals":         "Provider: truv\nexpect: accepted\n\n" + request,
		"no blank after the colon":  "provider:truv\nexpect: accepted\n\n" + request,
		"lines that end in CRLF":    "provider: truv\r\nexpect: accepted\r\n\r\n" + request,
		"a second provider":         "provider: truv\nprovider: truv\nexpect: accepted\n\n" + request,
		"a second verdict":          "provider: truv\nexpect: accepted\nexpect: expired\n\n" + request,
		"a second secret of one id": "provider: truv\nexpect: accepted\nsecret: a x\nsecret: a y\n\n" + request,
		"a secret without value":    "provider: truv\nexpect: accepted\nsecret: a\n\n" + request,
		"a secret without id":       "provider: truv\nexpect: accepted\nsecret:  a\n\n" + request,
		"a window of no secret":     "provider: truv\nexpect: accepted\nnot-after: a 2026-01-01T00:00:00Z\n\n" + request,
		"a window before its secret": "provider: truv\nexpect: accepted\nnot-after: a 2026-01-01T00:00:00Z\n" +
			"secret: a x\n\n" + request,
		"a second end of a window": "provider: truv\nexpect: accepted\nsecret: a x\nnot-after: a 2026-01-01T00:00:00Z\n" +
			"not-after: a 2027-01-01T00:00:00Z\n\n" + request,
		"a time without zone":   "provider: truv\nexpect: accepted\nnow: 2026-01-01T00:00:00\n\n" + request,
		"the zero time":         "provider: truv\nexpect: accepted\nnow: 0001-01-01T00:00:00Z\n\n" + request,
		"a year of five digits": "provider: truv\nexpect: accepted\nnow: 9999-12-31T23:59:59-23:59\n\n" + request,
		"more than 16 MiB":      minimal + strings.Repeat("x", 16<<20),
	} {
		file, err := recorded.Read(strings.NewReader(text))
		assert.Error(t, err, name)
		assert.Nil(t, file, name)
	}
	_, err := recorded.Read(strings.NewReader(minimal))
	assert.NoError(t, err)
}

func TestWriteRefusesWhatReadWouldNotGiveBack(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(f *recorded.File){
		"no provider":                  func(f *recorded.File) { f.Provider = "" },
		"no request":                   func(f *recorded.File) { f.Wire = nil },
		"a line break":                 func(f *recorded.File) { f.About = "a\nexpect: accepted" },
		"a carriage return":            func(f *recorded.File) { f.MadeBy = "a\r" },
		"a line break in a secret":     func(f *recorded.File) { f.Secrets[0].Value = "a\nb" },
		"a blank in the id":            func(f *recorded.File) { f.Secrets[0].ID = "a b" },
		"an empty secret":              func(f *recorded.File) { f.Secrets[0].Value = "" },
		"two secrets of one id":        func(f *recorded.File) { f.Secrets[0].ID = "previous" },
		"a verdict that is not listed": func(f *recorded.File) { f.Expect = "fine" },
		"a year of five digits":        func(f *recorded.File) { f.Now = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"more than 16 MiB":             func(f *recorded.File) { f.Wire = make([]byte, 16<<20) },
	} {
		f := full()
		change(f)
		var b bytes.Buffer
		assert.Error(t, recorded.Write(&b, f), name)
		assert.Zero(t, b.Len(), "%s: something was written", name)
	}
	assert.Error(t, recorded.Write(io.Discard, nil))
	assert.Error(t, recorded.Write(io.Discard, &recorded.File{}))
}

func TestTheRequestIsWhatAServerWouldSee(t *testing.T) {
	t.Parallel()
	f := full()
	f.Wire = []byte("POST /a%2Fb?c=%64 HTTP/1.1\r\nhost: receiver.example\r\nx-WEBHOOK-sign: one\r\n" +
		"X-Webhook-Sign:  two \r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\r\n\r\n1;x=y\r\n\x00\r\n0\r\nX-Late: t\r\n\r\n")
	r, err := f.Request()
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Equal(t, "a\r\n\x00", string(body))
	assert.Equal(t, "/a%2Fb?c=%64", r.RequestURI)

	d, err := f.Delivery()
	require.NoError(t, err)
	assert.Equal(t, "a\r\n\x00", string(d.Body))
	assert.Equal(t, "POST", d.Method)
	assert.Equal(t, "/a%2Fb?c=%64", d.RequestURI)
	assert.Equal(t, "receiver.example", d.Host)
	assert.Equal(t, []string{"one", "two"}, d.Header["X-Webhook-Sign"])
	assert.NotContains(t, d.Header, "X-Late")
	assert.Equal(t, f.Now, d.Received)
	at, ok := truhook.ReceivedFromContext(r.Context())
	assert.True(t, ok)
	assert.Equal(t, f.Now, at)
	assert.Equal(t, "192.0.2.1:1234", d.RemoteAddr)
}

func TestABodyOfAnotherLengthThanAnnouncedIsNoDelivery(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string]string{
		"cut short":         request + "Content-Length: 3\r\n\r\n{}",
		"too long":          request + "Content-Length: 1\r\n\r\n{}",
		"not announced":     request + "\r\n{}",
		"chunks cut short":  request + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		"chunks and more":   request + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nx",
		"two lengths":       request + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"a negative length": request + "Content-Length: -1\r\n\r\n",
		"no HTTP":           "hello",
		"no end of head":    request,
	} {
		f := full()
		f.Wire = []byte(wire)
		_, err := f.Delivery()
		assert.Error(t, err, name)
	}
}

func TestASecretIsFoundByItsID(t *testing.T) {
	t.Parallel()
	value, ok := full().Secret("previous")
	assert.True(t, ok)
	assert.Equal(t, "truhook-test-only#$", value)
	_, ok = full().Secret("next")
	assert.False(t, ok)
}

func TestFilesAreNamedInErrors(t *testing.T) {
	t.Parallel()
	_, err := recorded.ReadFile("testdata/absent.http")
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "absent.http")
	_, err = recorded.ReadFS(fstest.MapFS{"bad.http": {Data: []byte("x")}}, "bad.http")
	assert.ErrorContains(t, err, "bad.http")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("provider: a\nexpect: expired\nnow: 2026-01-01T00:00:00.5+01:00\nsecret: a b c\n" +
		"not-before: a 2026-01-01T00:00:00Z\nnot-after: a 9999-12-31T23:59:59Z\nmade-by: \nredacted: x\nabout: :: \n\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := recorded.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		require.NoError(t, recorded.Write(&b, first))
		second, err := recorded.Read(bytes.NewReader(b.Bytes()))
		require.NoError(t, err)
		require.Equal(t, first, second)
		if d, err := first.Delivery(); err == nil {
			require.NotNil(t, d.Header)
		}
	})
}
