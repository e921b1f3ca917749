package deploy

// The AWS of tests takes any number of calls.
func init() { useCallsPerSecond = 0 }

// SetUseCallsPerSecond limits the calls that read the last use of roles, and returns
// what takes the limit away.
func SetUseCallsPerSecond(n float64) (reset func()) {
	before := useCallsPerSecond
	useCallsPerSecond = n
	return func() { useCallsPerSecond = before }
}
