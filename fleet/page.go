package fleet

import "github.com/aws/aws-sdk-go-v2/aws"

// pages reads a list to its end. A page may be short or empty although others
// follow.
func pages[T any](read func(token *string) (page []T, next *string, err error)) ([]T, error) {
	var all []T
	var token *string
	for {
		page, next, err := read(token)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if aws.ToString(next) == "" {
			return all, nil
		}
		token = next
	}
}
