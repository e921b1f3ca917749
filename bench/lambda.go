package main

import (
	"fmt"
	"time"

	"permissions-boundary-macro/bench/workload"
	"permissions-boundary-macro/paramstore/ssmtest"
)

func newSSM() *ssmtest.Server {
	server := ssmtest.New()
	server.Set("/permissions-boundary/dev", boundaryARN)
	return server
}

// starts measures how long functions take from exec to their first answer, in
// turns.
func (d *document) starts(p programs, s scale) error {
	server := newSSM()
	defer server.Close()
	event := workload.Event(workload.Roles(10<<10, 5))
	all := append([]program{p.macro, p.bare}, p.peers...)
	took := make([][]time.Duration, len(all))
	cpu := make([][]time.Duration, len(all))
	peak := make([][]int64, len(all))
	for round := range s.starts + 1 {
		for i, program := range all {
			one, err := program.start(server.URL, event)
			if err != nil {
				return err
			}
			if round == 0 {
				continue // the files are in memory from now on
			}
			took[i], cpu[i], peak[i] = append(took[i], one.took), append(cpu[i], one.cpu), append(peak[i], one.peak)
		}
	}
	d.section("Start", fmt.Sprintf(`From exec to the first answer: a template of 10 KB with 5 roles and one SSM call, against a local Lambda runtime API and a
local SSM endpoint, over HTTP. Medians of %d starts, in turns; ratios pair by pair. The peers run a loop over invocations of a few
lines, which is less than Lambda's own runtimes for Node and Python do. The second Node is the first in one file, made by esbuild.`, s.starts))
	t := table{head: []string{"function", "start", "macro's start is", "CPU time", "macro's CPU time is", "peak memory", "deployed"}}
	for i, program := range all {
		row := []string{program.name, milliseconds(median(took[i])), "", milliseconds(median(cpu[i])), "", megabytes(median(peak[i])), megabytes(program.size)}
		if i > 0 {
			row[2], row[4] = share(1/ratio(took[0], took[i])), share(1/ratio(cpu[0], cpu[i]))
		}
		t.add(row...)
	}
	d.table(t)
	d.target("start, against the bare handler that makes the same SSM call", "within 25 %", ratio(took[0], took[1]), atMost(1.25))
	for i, program := range all[2:] {
		if i < 2 && len(p.peers) > 1 {
			d.target("start, against "+program.name, "8 times faster", 1/ratio(took[0], took[2+i]), atLeast(8))
		}
	}
	return nil
}

// warm measures invocations of functions that run already.
func (d *document) warm(p programs, s scale) error {
	all := append([]program{p.macro}, p.peers...)
	d.section("Warm", `From handing out the event to having the response, over the local runtime API, the SSM call included: medians, in turns.`)
	t := table{head: []string{"event"}}
	for _, program := range all {
		t.head = append(t.head, program.name)
	}
	t.head = append(t.head, "SSM calls of the macro")
	server := newSSM()
	defer server.Close()
	processes := make([]*process, len(all))
	for i, program := range all {
		f, err := program.launch(server.URL)
		if err != nil {
			return err
		}
		defer f.stop()
		processes[i] = f
	}
	for _, w := range []struct {
		name  string
		event []byte
		times int
		macro bool // the peers do not look before they ask
	}{
		{"10 KB, nothing to bind", workload.Event(workload.Shapes[0].Fragment(10 << 10)), s.warm, true},
		{"10 KB", workload.Event(workload.Roles(10<<10, 2)), s.warm, false},
		{"100 KB", workload.Event(workload.Roles(100<<10, 20)), s.warm, false},
		{"1 MB", workload.Event(workload.Roles(1<<20, 200)), max(3, s.warm/10), false},
		{"5 MB", workload.Event(workload.Roles(5<<20, 1000)), max(3, s.warm/20), false},
	} {
		row := []string{w.name}
		times := make([][]time.Duration, len(processes))
		calls := 0 // of the macro
		for range w.times {
			for i, f := range processes {
				if w.macro && i > 0 {
					continue
				}
				before := len(server.Calls())
				took, err := f.timed(w.event)
				if err != nil {
					return fmt.Errorf("%s: %w", all[i].name, err)
				}
				times[i] = append(times[i], took)
				if i == 0 {
					calls += len(server.Calls()) - before
				}
			}
		}
		for i := range times {
			if len(times[i]) == 0 {
				row = append(row, "")
				continue
			}
			row = append(row, milliseconds(median(times[i])))
		}
		each := float64(calls) / float64(w.times)
		t.add(append(row, fmt.Sprintf("%.0f", each))...)
		if w.macro {
			d.target("SSM calls for a template without roles", "none", each, atMost(0))
		} else if w.name == "10 KB" {
			d.target("SSM calls for a template with roles", "one", each, func(got float64) bool { return got == 1 })
		}
	}
	d.table(t)
	return d.flat(p, s)
}

func (f *process) timed(event []byte) (time.Duration, error) {
	before := time.Now()
	err := f.invoke(event)
	return time.Since(before), err
}

// flat measures the memory of the macro over many invocations, and its peak for
// large events.
func (d *document) flat(p programs, s scale) error {
	server := newSSM()
	defer server.Close()
	f, err := p.macro.launch(server.URL)
	if err != nil {
		return err
	}
	defer f.stop()
	event := workload.Event(workload.Roles(10<<10, 2))
	t := table{head: []string{"after invocations", "memory", "peak so far"}}
	var first, last int64
	done := 0
	for _, upTo := range []int{s.invocations / 20, s.invocations / 2, s.invocations} {
		for ; done < upTo; done++ {
			if err := f.invoke(event); err != nil {
				return err
			}
		}
		if last, err = f.memory("VmRSS"); err != nil {
			return err
		}
		if first == 0 {
			first = last
		}
		peak, err := f.memory("VmHWM")
		if err != nil {
			return err
		}
		t.add(fmt.Sprint(done), megabytes(last), megabytes(peak))
	}
	d.text("Memory of one process of the macro, with an event of 10 KB:")
	d.table(t)
	d.target(fmt.Sprintf("memory after %d invocations, against that after %d", s.invocations, s.invocations/20), "flat (within 10 %)", float64(last)/float64(first), atMost(1.10))
	return d.lambdaPeaks(p)
}

// lambdaPeaks are what the whole process takes for one event, the runtime's
// client for Lambda included.
func (d *document) lambdaPeaks(p programs) error {
	server := newSSM()
	defer server.Close()
	t := table{head: []string{"event", "peak memory of the process", "more than idle, in events"}}
	for _, size := range []int{1 << 20, 5 << 20} {
		f, err := p.macro.launch(server.URL)
		if err != nil {
			return err
		}
		defer f.stop()
		if err := f.invoke(workload.Event(workload.Roles(1<<10, 1))); err != nil {
			return err
		}
		idle, err := f.memory("VmHWM")
		if err != nil {
			return err
		}
		event := workload.Event(workload.Roles(size, size/2000))
		if err := f.invoke(event); err != nil {
			return err
		}
		peak, err := f.memory("VmHWM")
		if err != nil {
			return err
		}
		t.add(sizeName(size), megabytes(peak), fmt.Sprintf("%.1f", float64(peak-idle)/float64(len(event))))
	}
	d.text("Peak memory of a new process for its first large event:")
	d.table(t)
	return nil
}
