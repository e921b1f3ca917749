package template

// TextEdit replaces the bytes of a text from Start to End.
type TextEdit struct {
	Start, End int
	Text       string
}

// Splice applies edits in source order to a text. It reports false if two edits
// overlap.
func Splice(src []byte, edits []TextEdit) ([]byte, bool) {
	size := len(src)
	for _, e := range edits {
		size += len(e.Text)
	}
	out := make([]byte, 0, size)
	from := 0
	for _, e := range edits {
		if e.Start < from || e.End < e.Start || e.End > len(src) {
			return nil, false
		}
		out = append(append(out, src[from:e.Start]...), e.Text...)
		from = e.End
	}
	return append(out, src[from:]...), true
}
