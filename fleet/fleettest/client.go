package fleettest

import (
	"io"
	"net/http"
)

// transport is that of [Server.Client], which tests give to the SDK's clients as
// their HTTPClient. With their own one, a call of which the answer is longer than
// a few kilobytes may fail, if it comes within microseconds: smithy-go closes the
// body of a request as soon as the answer begins, and what it then answers to
// WriteTo makes net/http close the connection. The SDK tries such a call again,
// which a test that counts calls would see.
type transport struct{ *http.Transport }

func newTransport() transport {
	const connections = 64
	return transport{&http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
}

// RoundTrip sends a request, with a body that can only be read.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r = r.Clone(r.Context())
		r.Body = readOnly{r.Body}
	}
	return t.Transport.RoundTrip(r)
}

// readOnly hides WriteTo.
type readOnly struct{ io.ReadCloser }
