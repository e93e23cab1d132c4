package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/truhook/truhook"
)

// A lambdaEvent has the members that tell a request of API Gateway (payloads 1.0 and 2.0), of a function URL (2.0) or
// of an Application Load Balancer, as AWS documents them ("Working with AWS Lambda proxy integrations", "Using AWS
// Lambda with an Application Load Balancer").
type lambdaEvent struct {
	HTTPMethod        string              `json:"httpMethod"`
	Path              string              `json:"path"`
	RawPath           string              `json:"rawPath"`
	RawQuery          string              `json:"rawQueryString"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	Body              string              `json:"body"`
	IsBase64          bool                `json:"isBase64Encoded"`
	RequestContext    struct {
		ELB              json.RawMessage `json:"elb"`
		Path             string          `json:"path"`
		RequestTimeEpoch int64           `json:"requestTimeEpoch"` // 1.0, milliseconds
		TimeEpoch        int64           `json:"timeEpoch"`        // 2.0, milliseconds
		Identity         struct {
			SourceIP string `json:"sourceIp"`
		} `json:"identity"`
		HTTP struct {
			Method   string `json:"method"`
			Path     string `json:"path"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
}

func (in *input) parseLambda(data []byte) error {
	var e lambdaEvent
	if err := json.Unmarshal(data, &e); err != nil {
		return errors.New("it begins with { and is not the JSON of an event of API Gateway or of a load balancer")
	}
	c := &e.RequestContext
	d := &truhook.Delivery{
		Method:     firstOf(e.HTTPMethod, c.HTTP.Method),
		RemoteAddr: firstOf(c.Identity.SourceIP, c.HTTP.SourceIP),
		Header:     http.Header{},
	}
	if d.Method == "" {
		return errors.New("it is JSON and names no HTTP method: it is no event of API Gateway or of a load balancer; " +
			"a payload alone cannot be judged, as the signature stands in the headers: give the whole request")
	}
	for name, value := range e.Headers {
		if _, several := e.MultiValueHeaders[name]; !several {
			d.Header.Add(name, value)
		}
	}
	for name, values := range e.MultiValueHeaders {
		for _, value := range values {
			d.Header.Add(name, value)
		}
	}
	d.Host = d.Header.Get("Host")
	d.RequestURI = e.requestURI()
	d.Body = []byte(e.Body)
	if e.IsBase64 {
		body, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			return errors.New("its body says base64 and is not")
		}
		d.Body = body
		in.note("the body was base64 in the event; what was signed is what it decodes to")
	}
	if ms := max(c.RequestTimeEpoch, c.TimeEpoch); ms > 0 {
		in.at, in.atFrom = time.UnixMilli(ms).UTC(), "the event's time of receipt"
	}
	in.delivery = truhook.NewDelivery(*d)
	return nil
}

// requestURI returns path and query. The order of the query's parameters is lost in an event of 1.0.
func (e *lambdaEvent) requestURI() string {
	if e.RawPath != "" {
		if e.RawQuery == "" {
			return e.RawPath
		}
		return e.RawPath + "?" + e.RawQuery
	}
	path := firstOf(e.RequestContext.Path, e.Path, "/") // with the stage, as it was requested
	query := url.Values(e.MultiValueQuery)
	if query == nil {
		query = url.Values{}
		for name, value := range e.Query {
			query.Set(name, value)
		}
	}
	if len(query) == 0 {
		return path
	}
	if len(e.RequestContext.ELB) > 0 { // a load balancer leaves them percent-encoded
		decoded := url.Values{}
		for name, values := range query {
			plain, err := url.QueryUnescape(name)
			if err != nil {
				plain = name
			}
			for _, value := range values {
				if text, err := url.QueryUnescape(value); err == nil {
					value = text
				}
				decoded.Add(plain, value)
			}
		}
		query = decoded
	}
	return path + "?" + query.Encode()
}
