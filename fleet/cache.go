package fleet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"permissions-boundary-macro/internal/atomicfile"
)

// stackRecord is what an audit keeps of a stack: names, ARNs and environments. It
// has neither values of parameters nor templates.
type stackRecord struct {
	ID          string            `json:"id"`
	Changed     time.Time         `json:"changed"` // when the last deployment began
	Status      string            `json:"status"`
	Fingerprint string            `json:"rules"` // of the rules that read the template
	Read        time.Time         `json:"read"`
	Roles       map[string]string `json:"roles,omitempty"` // logical IDs, by name
	Call        Call              `json:"call"`            // if there are roles

	isUnread bool // the template could not be read, and the record is not kept

	// Bound is what the processed template says about roles, by ARN and logical ID.
	Bound map[string]map[string]Binding `json:"bound,omitempty"`
}

// isOf reports whether the record is of the stack as it is now, was made by the
// same rules, and is from between two times.
func (r *stackRecord) isOf(s Stack, fingerprint string, oldest, newest time.Time) bool {
	return r != nil && r.Changed.Equal(s.Changed) && r.Status == s.Status && r.Fingerprint == fingerprint &&
		r.Read.After(oldest) && !r.Read.After(newest)
}

// cache is what audits have read of the stacks of an account and Region. A line of
// its file is a record, in JSON; the last one of a stack counts. Lines are written
// as soon as a stack is read, so that an audit that is killed loses none.
type cache struct {
	path string

	mu      sync.Mutex
	records map[string]*stackRecord // by stack ID
	file    *os.File                // nil until a line is written, or without a cache
}

// maxCache is the size of the largest cache that is read, in bytes.
const maxCache = 256 << 20

// openCache reads the cache of an account and Region, as far as it can be read:
// what is missing is read from AWS again.
func openCache(dir, account, region string) *cache {
	c := &cache{records: map[string]*stackRecord{}}
	if dir == "" {
		return c
	}
	c.path = filepath.Join(dir, account+"."+region+".jsonl")
	file, err := os.Open(c.path)
	if err != nil {
		return c
	}
	defer file.Close()
	lines := bufio.NewReader(io.LimitReader(file, maxCache))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return c // the last line may have been cut off
		}
		r := &stackRecord{}
		if json.Unmarshal(line, r) == nil {
			c.records[r.ID] = r
		}
	}
}

// find returns what is known of a stack, nil if it has changed since.
func (c *cache) find(s Stack, fingerprint string, oldest, newest time.Time) *stackRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.records[s.ID]; r.isOf(s, fingerprint, oldest, newest) {
		return r
	}
	return nil
}

// add keeps a record.
func (c *cache) add(r *stackRecord) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records[r.ID] = r
	if c.path == "" {
		return nil
	}
	if err := c.open(); err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = c.file.Write(append(line, '\n'))
	return err
}

// open opens the file for lines. A line that was cut off is ended first.
func (c *cache) open() error {
	if c.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(c.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	c.file = file
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, end-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = file.Write([]byte{'\n'})
	return err
}

// close writes the file anew, with the records of stacks that are present.
func (c *cache) close(isPresent func(id string) bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil // nothing is new
	}
	err := c.file.Close()
	c.file = nil
	var content bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(c.records)) {
		if !isPresent(id) {
			continue
		}
		line, failed := json.Marshal(c.records[id])
		err = errors.Join(err, failed)
		content.Write(append(line, '\n'))
	}
	return errors.Join(err, atomicfile.WriteMode(c.path, content.Bytes(), 0o600))
}
