package hosts

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/truhook/truhook"
)

// FunctionURL is a Lambda function with a URL of its own, without a library in between.
func FunctionURL(r *Receiver) func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	return func(ctx context.Context, e events.LambdaFunctionURLRequest) (out events.LambdaFunctionURLResponse, err error) {
		body := []byte(e.Body)
		if e.IsBase64Encoded {
			if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
				return out, err // AWS's fault: an error of the function is a 502
			}
		}
		header := http.Header{}
		for name, line := range e.Headers {
			header[name] = []string{line}
		}
		uri := e.RawPath
		if e.RawQueryString != "" {
			uri += "?" + e.RawQueryString
		}
		result := r.judge(ctx, truhook.Delivery{
			Method: e.RequestContext.HTTP.Method, RequestURI: uri, Host: e.RequestContext.DomainName, Header: header, Body: body,
			RemoteAddr: e.RequestContext.HTTP.SourceIP, Received: time.UnixMilli(e.RequestContext.TimeEpoch),
		})
		if result.RetryAfter > 0 {
			out.Headers = map[string]string{"Retry-After": seconds(result.RetryAfter)}
		}
		out.StatusCode = result.Status
		return out, nil
	}
}
