// Package awsclient is what pbm's clients of AWS's SDK have in common.
package awsclient

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ReadLongAnswers is an option, one of aws.Config's APIOptions, that has a client
// read long answers to their end also when they begin before net/http is done
// with the request.
//
// smithy-go closes the body of a request as soon as the answer begins. net/http
// may then still ask that body for more, and smithy-go's answer to WriteTo is an
// error, upon which net/http closes the connection that the answer comes on:
// "use of closed network connection", again and again on a busy machine with an
// endpoint nearby. Its answer to Read is none. A request that is still being sent
// when the answer begins, such as one with a long template, is cut off as before.
func ReadLongAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("ReadLongAnswers", hideWriteTo), middleware.After)
}

// hideWriteTo sends a request with a body that can only be read and rewound.
func hideWriteTo(
	ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	request := in.Request.(*smithyhttp.Request)
	if body, canRewind := request.GetStream().(io.ReadSeeker); canRewind {
		var err error
		if in.Request, err = request.SetStream(struct{ io.ReadSeeker }{body}); err != nil {
			return middleware.DeserializeOutput{}, middleware.Metadata{}, fmt.Errorf("prepare the body of a request: %w", err)
		}
	}
	return next.HandleDeserialize(ctx, in)
}
