package fleettest

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
)

// Paging is how an operation divides a listing.
type Paging struct {
	Size  int  // the most items of a page, whatever is asked for; 0 is no such limit
	Empty bool // there is an empty page before each page, and one at the end

	// LoseMarker leaves out the Marker of pages of IAM whose IsTruncated is
	// true.
	LoseMarker bool
}

// Page sets how an operation, such as ListStackResources, divides listings.
func (s *Server) Page(operation string, p Paging) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paging[operation] = p
}

// listing holds values in the order of their keys.
type listing[T any] struct {
	values map[string]T
	sorted []string // the keys; nil when it has to be made again
}

func (l *listing[T]) put(key string, value T) {
	if l.values == nil {
		l.values = map[string]T{}
	}
	if _, known := l.values[key]; !known {
		l.sorted = nil
	}
	l.values[key] = value
}

func (l *listing[T]) remove(key string) {
	delete(l.values, key)
	l.sorted = nil
}

func (l *listing[T]) keys() []string {
	if l.sorted == nil {
		l.sorted = slices.Sorted(maps.Keys(l.values))
	}
	return l.sorted
}

// States of a token: what comes next.
const (
	tokenOfItems = "items "
	tokenOfEmpty = "empty "
)

// page returns the keys of the page that a token stands for, and the token of
// the next one. A token has the key after which its page begins, so that no item
// is skipped or repeated while others come and go.
func (s *Server) page(operation, token string, keys []string, size int) (page []string, next string, err error) {
	p := s.paging[operation]
	after, state := "", tokenOfItems
	if p.Empty {
		state = tokenOfEmpty
	}
	if token != "" {
		text, err := base64.URLEncoding.DecodeString(token)
		if err != nil || len(text) < len(tokenOfItems) {
			return nil, "", invalid("The token is not valid")
		}
		state, after = string(text[:len(tokenOfItems)]), string(text[len(tokenOfItems):])
	}
	first := 0
	if after != "" {
		first, _ = slices.BinarySearch(keys, after+"\x00")
	}
	rest := keys[first:]
	if state == tokenOfEmpty {
		if len(rest) > 0 {
			next = encodeToken(tokenOfItems, after)
		}
		return nil, next, nil
	}
	page = rest[:min(len(rest), size, cmp.Or(p.Size, size))]
	switch {
	case p.Empty && len(page) > 0:
		next = encodeToken(tokenOfEmpty, page[len(page)-1])
	case len(page) < len(rest):
		next = encodeToken(tokenOfItems, page[len(page)-1])
	}
	return page, next, nil
}

func encodeToken(state, after string) string {
	return base64.URLEncoding.EncodeToString([]byte(state + after))
}

// sizeOf is the size of a page of a service that speaks JSON.
func sizeOf(asked *int, limit int) (int, error) {
	if asked == nil {
		return limit, nil
	}
	if *asked < 1 || *asked > limit {
		return 0, invalid("You specified an invalid value for MaxResults.")
	}
	return *asked, nil
}

// withToken adds the token of the next page, if there is one.
func withToken(out map[string]any, next string) map[string]any {
	if next != "" {
		out["NextToken"] = next
	}
	return out
}
