package transform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/transform"
)

// The transformation of a template of 1 MB with 500 roles, beside two parsers
// that only validate the same bytes. In turns with jsontext, the median ratio
// says more than the times on a machine that others use.
func BenchmarkRespond(b *testing.B) {
	event := workload.Event(workload.Roles(1<<20, 500))
	m := transform.Macro{Store: values{"dev": devARN}}
	b.Run("transform", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		b.ReportAllocs()
		for b.Loop() {
			if _, report := m.Respond(context.Background(), event); len(report.Changes) != 500 {
				b.Fatal(len(report.Changes), report.Err)
			}
		}
	})
	b.Run("json.Valid", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		for b.Loop() {
			if !json.Valid(event) {
				b.Fatal("invalid")
			}
		}
	})
	b.Run("in turns", func(b *testing.B) {
		var ratios []float64
		for b.Loop() {
			start := time.Now()
			m.Respond(context.Background(), event)
			answered := time.Now()
			if !jsontext.Value(event).IsValid(jsontext.AllowDuplicateNames(true)) {
				b.Fatal("invalid")
			}
			ratios = append(ratios, float64(answered.Sub(start))/float64(time.Since(answered)))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "x-jsontext")
	})
	b.Run("jsontext", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		for b.Loop() {
			dec := jsontext.NewDecoder(bytes.NewBuffer(event), jsontext.AllowDuplicateNames(true))
			if _, err := dec.ReadValue(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Templates of all shapes, in sizes that CloudFormation takes and one beyond.
func BenchmarkShapes(b *testing.B) {
	m := transform.Macro{Store: values{"dev": devARN}}
	for _, shape := range workload.Shapes {
		for _, size := range []int{10 << 10, 100 << 10, 1 << 20, 5 << 20} {
			event := workload.Event(shape.Fragment(size))
			b.Run(fmt.Sprintf("%s/%dKiB", shape.Name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(len(event)))
				b.ReportAllocs()
				for b.Loop() {
					if _, report := m.Respond(context.Background(), event); report.Err != nil {
						b.Fatal(report.Err)
					}
				}
			})
		}
	}
}

// Allocations grow with the roles, not with the bytes.
func BenchmarkAllocations(b *testing.B) {
	m := transform.Macro{Store: values{"dev": devARN}}
	for _, roles := range []int{0, 10, 100} {
		for _, size := range []int{100 << 10, 1 << 20} {
			event := workload.Event(workload.Roles(size, roles))
			b.Run(fmt.Sprintf("roles=%d/bytes=%d", roles, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.Respond(context.Background(), event)
				}
			})
		}
	}
}
