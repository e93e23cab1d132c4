package hosts

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

// Lambda freezes a function with its answer, so idempotency.Config.AnswerWithin should be negative there: no handler is
// left behind. Hand the result of one of these to lambda.Start.

// LambdaV1 is behind an API Gateway with payload format 1.0: REST APIs.
func LambdaV1(r *Receiver) func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	return httpadapter.New(ServeMux(r)).ProxyWithContext
}

// LambdaV2 is behind an API Gateway with payload format 2.0: HTTP APIs. The adapter makes two lines of a header that
// has a comma, which is another header to a scheme such as Stripe's: take FunctionURL for those, whose event is the
// same.
func LambdaV2(r *Receiver) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return httpadapter.NewV2(ServeMux(r)).ProxyWithContext
}

// LoadBalancer stands for the ALB, whose event names no peer. Nobody else may invoke the function.
const LoadBalancer = "10.0.0.1"

// LambdaALB is behind an Application Load Balancer.
func LambdaALB(r *Receiver) func(context.Context, events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
	mux := ServeMux(r)
	return httpadapter.NewALB(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.RemoteAddr = LoadBalancer
		mux.ServeHTTP(w, req)
	})).ProxyWithContext
}
