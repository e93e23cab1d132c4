package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"

	main "github.com/truhook/truhook/cmd/truhook"
)

// FuzzInput takes any file for a delivery: recorded, captured, of AWS Lambda or pasted. What is read can be judged.
func FuzzInput(f *testing.F) {
	f.Add([]byte("POST /hook HTTP/1.1\r\nHost: receiver.example\r\nContent-Length: 2\r\n\r\n{}\n"))
	f.Add([]byte("POST /hook HTTP/2\nHost: receiver.example\n\n{}"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("provider: truv\nnow: 2026-03-02T09:30:00Z\n\nPOST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte(`{"version":"2.0","rawPath":"/hook","rawQueryString":"a=b","headers":{"x-a":"b"},"body":"e30=","isBase64Encoded":true,` +
		`"requestContext":{"timeEpoch":1772443800000,"http":{"method":"POST","sourceIp":"192.0.2.1"}}}`))
	f.Add([]byte(`{"httpMethod":"POST","path":"/hook","multiValueHeaders":{"X-A":["1","2"]},"multiValueQueryStringParameters":{"a":["%41"]},` +
		`"requestContext":{"elb":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := main.ParseInput(data)
		if err != nil {
			require.Nil(t, d)
			require.Less(t, len(err.Error()), 400)
			return
		}
		require.NotEmpty(t, d.Method)
		require.NotNil(t, d.Header)
		require.LessOrEqual(t, len(d.Body), len(data))
		r, err := main.NewReceiver("truhook-test-only-0123456789")
		require.NoError(t, err)
		_, err = r.Verify(t.Context(), d)
		require.Error(t, err)
		require.NotEqual(t, truhook.Internal, truhook.ReasonOf(err))
		_ = main.IssuedAt(d)
	})
}

// FuzzSecrets takes any text for a secrets file: an error names a line and never a value.
func FuzzSecrets(f *testing.F) {
	f.Add("truv/current=a-secret-of-this-test\n# text\n\ntruv/old:not-after=2026-07-02T00:00:00Z\ntruv/old=x")
	f.Add("\xef\xbb\xbfstripe/a:base64=AAEC\r\n")
	f.Add("a/b:c=d")
	f.Add("truv/current=" + strings.Repeat("x", 99))
	f.Fuzz(func(t *testing.T, text string) {
		values, err := main.ParseSecrets([]byte(text))
		if err == nil {
			for _, v := range values {
				require.NotEmpty(t, v)
			}
			return
		}
		require.Nil(t, values)
		for line := range strings.SplitSeq(text, "\n") {
			if _, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), "="); ok && len(value) > 24 {
				require.NotContains(t, err.Error(), value)
			}
		}
	})
}
