package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"permissions-boundary-macro/bench/workload"
)

// check measures pbm check on a project of many templates, over cores.
func (d *document) check(p programs, s scale, dir string) error {
	dir = filepath.Join(dir, "project")
	bytes, err := workload.Project(dir, s.templates)
	if err != nil {
		return err
	}
	cores := coresUpTo(runtime.NumCPU())
	took := make([][]time.Duration, len(cores))
	cpu := make([][]time.Duration, len(cores))
	peak := make([][]int64, len(cores))
	for range s.checks {
		for i, n := range cores {
			one, err := checkOnce(p.pbm, dir, n)
			if err != nil {
				return err
			}
			took[i], cpu[i], peak[i] = append(took[i], one.took), append(cpu[i], one.cpu), append(peak[i], one.peak)
		}
	}
	d.section("pbm check", fmt.Sprintf(`A project of %d templates, half of them in YAML, of 1 to 40 resources, %s in all, made by a generator. Medians of %d runs,
in turns. Time is by the clock: other work on the machine takes its share of each core. About half of the CPU time is YAML's parser.`, s.templates, megabytes(bytes), s.checks))
	t := table{head: []string{"cores", "time", "templates a second", "speed-up", "CPU time", "peak memory"}}
	for i, n := range cores {
		seconds := median(took[i]).Seconds()
		t.add(fmt.Sprint(n), fmt.Sprintf("%.1f s", seconds), fmt.Sprintf("%.0f", float64(s.templates)/seconds),
			fmt.Sprintf("%.2f", ratio(took[0], took[i])), fmt.Sprintf("%.1f s", median(cpu[i]).Seconds()), megabytes(median(peak[i])))
	}
	d.table(t)
	return nil
}

// coresUpTo are 1, 2, 4 and so on, and all.
func coresUpTo(all int) []int {
	var cores []int
	for n := 1; n < all; n *= 2 {
		cores = append(cores, n)
	}
	return append(cores, all)
}

func checkOnce(pbm, dir string, cores int) (started, error) {
	cmd := exec.Command(pbm, "check", dir)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", cores))
	var log strings.Builder
	cmd.Stderr = &log
	before := time.Now()
	if err := cmd.Start(); err != nil {
		return started{}, err
	}
	peak := watch(cmd.Process.Pid)
	err := cmd.Wait()
	took := time.Since(before)
	one := started{took: took, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak: <-peak}
	if err != nil {
		return started{}, fmt.Errorf("pbm check: %w: %s", err, log.String())
	}
	return one, nil
}

// watch looks at the peak of a process until it is gone.
func watch(pid int) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		var most int64
		for {
			now, err := memory(pid, "VmHWM")
			if err != nil {
				peak <- most
				return
			}
			most = max(most, now)
			time.Sleep(time.Millisecond)
		}
	}()
	return peak
}
