package policy

// RememberAtMost limits what a comparison remembers, in bytes.
func (c *Comparison) RememberAtMost(size int) { c.limit = size }

// Remembered is what a comparison remembers, in bytes.
func (c *Comparison) Remembered() int { return c.size }
