package rules

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"

	"permissions-boundary-macro/transform/template"
)

// CloudFormation accepts repeated keys, in JSON and in YAML, and the last one
// counts. The rules do the same. But where the key decides about a boundary, the
// author may have meant the other one: that is an escape.
// Source: answers of ValidateTemplate and GetTemplateSummary.

// decisiveSections are the sections that the rules read.
var decisiveSections = []string{"Resources", "Conditions", "Globals", "Mappings", "Metadata", "Parameters", template.TransformSection}

// resourceIDs are the logical IDs of one map of resources.
type resourceIDs struct{ all []resourceID }

// idSeed makes hashes of one logical ID equal, whichever map has it.
var idSeed = maphash.MakeSeed()

type resourceID struct {
	hash       uint64
	start, end int32 // start of the name, end of the resource
}

// add records a logical ID. Ahead is the number of bytes that may hold more of
// them: memory for those is allocated at once.
func (ids *resourceIDs) add(name []byte, at template.Span, end, ahead int) {
	switch {
	case len(ids.all) < cap(ids.all):
	case len(ids.all) == 0:
		ids.all = slices.Grow(ids.all, 32)
	default:
		ids.all = slices.Grow(ids.all, max(len(ids.all), ahead/usualResource))
	}
	ids.all = append(ids.all, resourceID{maphash.Bytes(idSeed, name), int32(at.Start), int32(end)})
}

// usualResource is a size that most resources exceed, in bytes.
const usualResource = 256

// repeated returns the places of each logical ID that occurs more than once, in
// source order.
func (ids *resourceIDs) repeated(src []byte) (repeated [][]resourceID) {
	if !ids.mayRepeat() {
		return nil
	}
	slices.SortFunc(ids.all, func(a, b resourceID) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.start, b.start))
	})
	for all := ids.all; len(all) > 1; {
		n := 1
		for n < len(all) && all[n].hash == all[0].hash && bytes.Equal(all[n].text(src), all[0].text(src)) {
			n++
		}
		if n > 1 {
			repeated = append(repeated, all[:n])
		}
		all = all[n:]
	}
	return repeated
}

// mayRepeat reports whether two names have half of the hash in common. They almost
// never do, which saves sorting them.
func (ids *resourceIDs) mayRepeat() bool {
	slots := make([]uint32, 1<<bits.Len(uint(2*len(ids.all)))) // at most half full
	for _, id := range ids.all {
		hash := uint32(id.hash) | 1 // zero is an empty slot
		at := id.hash >> 32
		for ; slots[at%uint64(len(slots))] != 0; at++ {
			if slots[at%uint64(len(slots))] == hash {
				return true
			}
		}
		slots[at%uint64(len(slots))] = hash
	}
	return false
}

func (id resourceID) text(src []byte) []byte {
	name, _ := template.NewCursor(src, template.Span{Start: int(id.start)}).Name()
	return name
}

// repeatedIDs returns the logical IDs that occur more than once in their map of
// resources.
func (in *inspector) repeatedIDs() (repeated [][]resourceID) {
	for i := range in.ids {
		repeated = append(repeated, in.ids[i].repeated(in.Src)...)
	}
	return repeated
}

// refuseRepeated reports repeated logical IDs if a rule has found something in one
// of their resources. One that is Resources may be reported as a section already.
func (in *inspector) refuseRepeated(repeated [][]resourceID) {
	if len(repeated) == 0 {
		return
	}
	offsets, section := in.offsets(), in.id([]byte("Resources"))
	isRefused := slices.ContainsFunc(in.Escapes, func(f Finding) bool { return f.Code == codeRepeated && f.LogicalID == section })
	for _, all := range repeated {
		last := all[len(all)-1]
		if isRefused && string(last.text(in.Src)) == "Resources" {
			continue
		}
		if slices.ContainsFunc(all, func(id resourceID) bool {
			i, _ := slices.BinarySearch(offsets, int(id.start))
			return i < len(offsets) && offsets[i] < int(id.end)
		}) {
			in.escape(codeRepeated, last.text(in.Src), "", int(last.start))
		}
	}
}

// offsets returns where the rules have found something, sorted.
func (in *inspector) offsets() (offsets []int) {
	for _, s := range in.sites {
		offsets = append(offsets, s.offset)
	}
	for _, e := range in.embedded {
		offsets = append(offsets, e.Start)
	}
	for _, f := range slices.Concat(in.Escapes, in.Blind) {
		offsets = append(offsets, f.Offset)
	}
	slices.Sort(offsets)
	return offsets
}
