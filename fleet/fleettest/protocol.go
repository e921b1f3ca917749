package fleettest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// namespaces are those of the services that speak the Query protocol.
var namespaces = map[string]string{
	"cloudformation": "http://cloudformation.amazonaws.com/doc/2010-05-15/",
	"iam":            "https://iam.amazonaws.com/doc/2010-05-08/",
	"sts":            "https://sts.amazonaws.com/doc/2011-06-15/",
}

var contentTypes = map[string]string{
	"account":        "application/json",
	"cloudformation": "text/xml",
	"iam":            "text/xml",
	"organizations":  "application/x-amz-json-1.1",
	"s3":             "application/xml",
	"ssm":            "application/x-amz-json-1.1",
	"sts":            "text/xml",
}

const requestID = "00000000-0000-4000-8000-000000000000"

// result is the answer of an operation of the Query protocol.
type result struct{ bytes.Buffer }

// answer is the whole of an answer.
func (x *result) answer(r *request) ([]byte, error) {
	return fmt.Appendf(nil, `<%[1]sResponse xmlns="%[2]s"><%[1]sResult>%[3]s</%[1]sResult><ResponseMetadata><RequestId>%[4]s</RequestId></ResponseMetadata></%[1]sResponse>`,
		r.Operation, namespaces[r.Service], x.Bytes(), requestID), nil
}

func (x *result) open(name string)  { x.WriteString("<" + name + ">") }
func (x *result) close(name string) { x.WriteString("</" + name + ">") }

// text writes an element, unless it would be empty.
func (x *result) text(name, text string) {
	if text != "" {
		x.textOrEmpty(name, text)
	}
}

func (x *result) textOrEmpty(name, text string) {
	x.open(name)
	_ = xml.EscapeText(x, []byte(text)) // a buffer takes everything
	x.close(name)
}

func (x *result) time(name string, t time.Time) {
	if !t.IsZero() {
		x.text(name, t.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
}

func (x *result) tags(tags []Tag) {
	writeList(x, "Tags", tags, func(t Tag) {
		x.text("Key", t.Key)
		x.textOrEmpty("Value", t.Value)
	})
}

// writeList writes a list, each of whose elements write writes.
func writeList[T any](x *result, name string, elements []T, write func(T)) {
	x.open(name)
	for _, e := range elements {
		x.open("member")
		write(e)
		x.close("member")
	}
	x.close(name)
}

// failure is an error as AWS answers it.
type failure struct {
	code, message string
	status        int
}

func (f failure) Error() string { return f.code + ": " + f.message }

// invalid is the error for input that AWS does not take.
func invalid(format string, values ...any) error {
	return failure{code: "ValidationError", message: fmt.Sprintf(format, values...)}
}

// spellings are the codes of services that spell them otherwise than the Query
// protocol does.
var spellings = map[string]map[string]string{
	"AccessDenied":         {"account": "AccessDeniedException", "organizations": "AccessDeniedException", "ssm": "AccessDeniedException"},
	"ExpiredToken":         {"account": "ExpiredTokenException", "organizations": "ExpiredTokenException", "ssm": "ExpiredTokenException"},
	"InternalFailure":      {"s3": "InternalError"},
	"InvalidClientTokenId": {"account": "UnrecognizedClientException", "organizations": "UnrecognizedClientException", "s3": "InvalidAccessKeyId", "ssm": "UnrecognizedClientException"},
	"Throttling":           {"account": "TooManyRequestsException", "organizations": "TooManyRequestsException", "s3": "SlowDown", "ssm": "ThrottlingException"},
	"ValidationError":      {"account": "ValidationException", "organizations": "InvalidInputException", "ssm": "ValidationException"},
}

// statuses are the HTTP statuses of errors that are not 400. The protocol of
// Organizations and SSM has 400 for all errors of clients.
var statuses = map[string]int{
	"AccessDenied":         http.StatusForbidden,
	"ExpiredToken":         http.StatusForbidden,
	"InvalidClientTokenId": http.StatusForbidden,
	"InternalFailure":      http.StatusInternalServerError,
	"NoSuchBucket":         http.StatusNotFound,
	"ChangeSetNotFound":    http.StatusNotFound,
	"NoSuchEntity":         http.StatusNotFound,
	"NoSuchKey":            http.StatusNotFound,
	"NotImplemented":       http.StatusNotImplemented,
	"PermanentRedirect":    http.StatusMovedPermanently,
	"ServiceUnavailable":   http.StatusServiceUnavailable,
}

// as completes an error for the service that answers it.
func (f failure) as(r *request) failure {
	code := f.code
	f.code = cmp.Or(spellings[code][r.Service], code)
	f.status = cmp.Or(f.status, statuses[code], http.StatusBadRequest)
	if f.status < http.StatusInternalServerError && (r.Service == "organizations" || r.Service == "ssm") {
		f.status = http.StatusBadRequest
	}
	switch r.Service + " " + code {
	case "account Throttling":
		f.status = http.StatusTooManyRequests
	case "s3 ExpiredToken":
		f.status = http.StatusBadRequest
	case "s3 Throttling":
		f.status = http.StatusServiceUnavailable
	}
	f.message = cmp.Or(f.message, usualMessage(code, r))
	return f
}

// usualMessage is AWS's text for an error.
func usualMessage(code string, r *request) string {
	switch code {
	case "AccessDenied":
		return r.notAuthorized(permission{r.action(), strings.Join(r.resourceARNs(), ", ")}, "identity-based")
	case "ExpiredToken":
		return "The security token included in the request is expired"
	case "InvalidClientTokenId":
		return "The security token included in the request is invalid."
	case "Throttling":
		if r.Service == "s3" {
			return "Please reduce your request rate."
		}
		return "Rate exceeded"
	}
	return code
}

// body is the error in the shape of a service.
func (f failure) body(service string) []byte {
	if namespace, isQuery := namespaces[service]; isQuery {
		party := "Sender"
		if f.status >= http.StatusInternalServerError {
			party = "Receiver"
		}
		x := &result{}
		x.text("Type", party)
		x.text("Code", f.code)
		x.text("Message", f.message)
		return fmt.Appendf(nil, `<ErrorResponse xmlns="%s"><Error>%s</Error><RequestId>%s</RequestId></ErrorResponse>`, namespace, x.Bytes(), requestID)
	}
	if service == "s3" {
		x := &result{}
		x.text("Code", f.code)
		x.text("Message", f.message)
		return fmt.Appendf(nil, `<Error>%s<RequestId>%s</RequestId></Error>`, x.Bytes(), requestID)
	}
	return mustMarshal(map[string]string{"__type": f.code, "message": f.message})
}

// mustMarshal returns what can always be written as JSON.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// readFailure is the error that a service that speaks JSON has answered.
func readFailure(status int, body []byte) failure {
	var f struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &f) // what is not an error of AWS has no code
	return failure{code: cmp.Or(f.Type, "InternalFailure"), message: f.Message, status: status}
}
