package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
)

const boundaryARN = "arn:aws:iam::111122223333:policy/dev-boundary"

// fixed is a store with one boundary.
type fixed struct{}

func (fixed) Get(_ context.Context, environment string) (boundary.Record, error) {
	return boundary.Record{Environment: environment, Text: boundaryARN}, nil
}

func (fixed) Location(environment string) string { return "value of " + environment }

func (fixed) Correction(environment string) string { return "correct the value of " + environment }

// inProcess is a contestant in this process. Garbage of the contestant before is
// collected first, so that nobody pays for another's, and the memory that a
// collection gives back is taken again before time counts.
func inProcess(name string, event []byte, do func(event []byte) error) contestant {
	return contestant{name, func(n int) (time.Duration, error) {
		var err error
		times := func(n int) {
			for range n {
				err = errors.Join(err, do(event))
			}
		}
		runtime.GC()
		times(n/4 + 1)
		took := cpuTime(func() { times(n) })
		return took, err
	}}
}

// respond is the macro's own way.
func respond(event []byte) error {
	_, report := transform.Macro{Store: fixed{}}.Respond(context.Background(), event)
	return report.Err
}

// validate is the least that a reader of JSON must do.
func validate(event []byte) error {
	_, err := jsontext.NewDecoder(bytes.NewBuffer(event), jsontext.AllowDuplicateNames(true)).ReadValue()
	return err
}

func valid(event []byte) error {
	if !json.Valid(event) {
		return errors.New("invalid JSON")
	}
	return nil
}

// decodeEncode is the usual way in Go.
func decodeEncode(event []byte) error {
	_, err := usual(event)
	return err
}

func usual(event []byte) ([]byte, error) {
	var request struct {
		RequestID string         `json:"requestId"`
		Fragment  map[string]any `json:"fragment"`
	}
	if err := json.Unmarshal(event, &request); err != nil {
		return nil, err
	}
	resources, _ := request.Fragment["Resources"].(map[string]any)
	for _, r := range resources {
		resource, _ := r.(map[string]any)
		if resource["Type"] != "AWS::IAM::Role" {
			continue
		}
		properties, _ := resource["Properties"].(map[string]any)
		if properties == nil {
			properties = map[string]any{}
			resource["Properties"] = properties
		}
		properties["PermissionsBoundary"] = boundaryARN
	}
	return json.Marshal(map[string]any{"requestId": request.RequestID, "status": "success", "fragment": request.Fragment})
}

// allocated is how much memory one answer takes, none of which is given back
// before the end: an upper bound of the peak.
func allocated(event []byte) (uint64, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := respond(event)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

func sizeName(size int) string {
	if size >= 1<<20 {
		return fmt.Sprintf("%d MB", size>>20)
	}
	return fmt.Sprintf("%d KB", size>>10)
}

// transform measures the transformation apart from Lambda.
func (d *document) transform(s scale, dir string) error {
	d.section("Transformation", `The whole request and its answer as bytes, in a process that is warm. CPU time of the process, all threads and garbage
collection included, so that what else runs on the machine does not count; medians, in turns. Garbage is collected as in the macro's
own process. jsontext only validates, without looking for duplicate names: less a correct parser cannot do. Node and Python bind
roles and nothing else, and spell numbers anew.

1 MB with 500 roles:`)
	if err := d.beside(s, dir); err != nil {
		return err
	}
	if err := d.shapes(s); err != nil {
		return err
	}
	return d.doubling(s)
}

// beside measures the macro beside others on 1 MB with 500 roles.
func (d *document) beside(s scale, dir string) error {
	event := workload.Event(workload.Roles(1<<20, 500))
	all := []contestant{
		inProcess("macro", event, respond),
		inProcess("jsontext, validation alone", event, validate),
		inProcess("encoding/json.Valid", event, valid),
		inProcess("encoding/json: decode, loop, encode", event, decodeEncode),
	}
	peers, stop, err := peersOn(event, dir, s.rounds*2)
	if err != nil {
		return err
	}
	all = append(all, peers...)
	times, err := compare(s.rounds, s.atLeast, all)
	if err != nil {
		return err
	}
	if err := stop(); err != nil {
		return err
	}
	t := table{head: []string{"", "CPU time", "MB a second", "macro is"}}
	for i, c := range all {
		row := []string{c.name, milliseconds(median(times[i])), rate(event, median(times[i])), ""}
		if i > 0 {
			row[3] = share(ratio(times[i], times[0]))
		}
		t.add(row...)
	}
	d.table(t)
	d.target("transformation, against jsontext validation", "at most 1.5 times longer", ratio(times[0], times[1]), atMost(1.5))
	d.target("transformation, against encoding/json.Valid", "2 times faster", ratio(times[2], times[0]), atLeast(2))
	for i, c := range peers {
		factor := 6.0
		if strings.HasPrefix(c.name, "Python") {
			factor = 30
		}
		d.target("transformation, against "+c.name, fmt.Sprintf("%.0f times faster", factor), ratio(times[len(times)-len(peers)+i], times[0]), atLeast(factor))
	}
	return nil
}

func rate(event []byte, took time.Duration) string {
	return fmt.Sprintf("%.0f", float64(len(event))/1e6/took.Seconds())
}

// shapes measures templates of all shapes and sizes beside their validation.
func (d *document) shapes(s scale) error {
	d.text("Other templates: CPU time, and in brackets how many times that of jsontext's validation of the same bytes it is.")
	sizes := []int{10 << 10, 100 << 10, 1 << 20, 5 << 20}
	t := table{head: []string{"resources"}}
	for _, size := range sizes {
		t.head = append(t.head, sizeName(size))
	}
	t.head = append(t.head, "memory for 1 MB, in events")
	for _, shape := range workload.Shapes {
		row := []string{shape.Name}
		for _, size := range sizes {
			event := workload.Event(shape.Fragment(size))
			times, err := compare(max(1, s.rounds/3), s.atLeast/5, []contestant{
				inProcess("macro", event, respond), inProcess("jsontext", event, validate),
			})
			if err != nil {
				return err
			}
			row = append(row, fmt.Sprintf("%s (%.1f)", milliseconds(median(times[0])), ratio(times[0], times[1])))
		}
		events, err := peakOf(workload.Event(shape.Fragment(1 << 20)))
		if err != nil {
			return err
		}
		t.add(append(row, fmt.Sprintf("%.1f", events))...)
	}
	d.table(t)
	events, err := peakOf(workload.Event(workload.Roles(1<<20, 500)))
	if err != nil {
		return err
	}
	d.text(`Memory is the event and all that the answer to it allocates, in lengths of the event: the peak is at most that.`)
	d.target("memory for 1 MB with 500 roles, in events", "under 3", events, func(got float64) bool { return got < 3 })
	return nil
}

func peakOf(event []byte) (float64, error) {
	bytes, err := allocated(event)
	return 1 + float64(bytes)/float64(len(event)), err
}

// doubling measures templates that are twice as long as the one before.
func (d *document) doubling(s scale) error {
	sizes := []int{256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20}
	all := make([]contestant, len(sizes))
	for i, size := range sizes {
		event := workload.Event(workload.Shapes[2].Fragment(size))
		all[i] = inProcess(sizeName(size), event, respond)
	}
	times, err := compare(s.rounds, s.atLeast, all)
	if err != nil {
		return err
	}
	d.text("Twice the length, 20 % roles:")
	t := table{head: []string{"event", "CPU time", "times that of half the length"}}
	worst := 0.0
	for i := range sizes {
		row := []string{all[i].name, milliseconds(median(times[i])), ""}
		if i > 0 {
			r := ratio(times[i], times[i-1])
			worst = max(worst, r)
			row[2] = fmt.Sprintf("%.2f", r)
		}
		t.add(row...)
	}
	d.table(t)
	d.target("twice the length, at most", "2 times the time (within 10 %)", worst, atMost(2.2))
	return nil
}
