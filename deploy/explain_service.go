package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// explainedService counts actions of a service that a role is granted. One that is
// lost on some resources only is lost in part.
type explainedService struct {
	Service     string   `json:"service"`
	Actions     int      `json:"actions"`
	Lost        int      `json:"lost"`
	LostInPart  int      `json:"lostInPart"`
	MayBeLost   int      `json:"mayBeLost"`
	Gained      int      `json:"gained"`
	MayBeGained int      `json:"mayBeGained"`
	Reasons     []string `json:"reasons,omitempty"` // why some may be lost or gained

	Use *serviceUse `json:"use,omitempty"` // of what is lost

	lost []string // what is lost, if it is to be named
}

// count counts an action by the changes of its grants, and returns 1 for one of which
// nothing but unclear grants is known.
func (s *explainedService) count(grants changeSet) (isUnclear int) {
	switch {
	case grants == 1<<accessLost:
		s.Lost++
	case grants.has(accessLost):
		s.LostInPart++
	case grants.has(accessMayBeLost):
		s.MayBeLost++
	case grants.has(accessGained):
		s.Gained++
	case grants.has(accessMayBeGained):
		s.MayBeGained++
	case grants.has(accessUnclear):
		return 1
	}
	return 0
}

func (s explainedService) changes() bool { return s.loses() || s.mayLose() || s.gains() }
func (s explainedService) loses() bool   { return s.Lost+s.LostInPart > 0 }
func (s explainedService) mayLose() bool { return s.MayBeLost > 0 }
func (s explainedService) gains() bool   { return s.Gained+s.MayBeGained > 0 }

// String says what changes of a service.
func (s explainedService) String() string {
	var parts []string
	add := func(n int, what string) {
		if n == 0 {
			return
		}
		if parts == nil {
			what = "of " + counted(s.Actions, "action") + " " + what
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, what))
	}
	add(s.Lost, "lost")
	add(s.LostInPart, "lost in part")
	if len(s.lost) > 0 {
		parts[len(parts)-1] += " (" + strings.Join(s.lost, ", ") + ")"
	}
	add(s.MayBeLost, "may be lost")
	add(s.Gained, "gained")
	add(s.MayBeGained, "may be gained")
	text := s.Service + ": " + strings.Join(parts, ", ")
	if s.MayBeLost+s.MayBeGained > 0 {
		text += " (" + strings.Join(s.Reasons, "; ") + ")"
	}
	if s.Use != nil {
		text += "; " + s.Use.told(s.Service)
	}
	return text
}

// Of services of which all actions share a fate, as an administrator has hundreds, only
// a few get a line each, and only a few are named.
const (
	maxAlike = 5
	maxNamed = 5
)

// serviceLines say what changes of services.
func serviceLines(services []explainedService) []string {
	alike := map[string][]explainedService{}
	for _, s := range services {
		alike[s.fate()] = append(alike[s.fate()], s)
	}
	var lines []string
	for _, s := range services {
		fate := s.fate()
		switch of := alike[fate]; {
		case fate == "" || len(of) <= maxAlike:
			lines = append(lines, s.String())
		case s.Service == of[0].Service:
			lines = append(lines, alikeLine(of, fate))
		}
	}
	return lines
}

// fate is what becomes of each action of a service, empty if they differ or are in use.
func (s explainedService) fate() string {
	reasons := " (" + strings.Join(s.Reasons, "; ") + ")"
	switch {
	case s.Lost == s.Actions && s.Use == nil:
		return "lost"
	case s.Lost == s.Actions && s.Use.Used == 0 && slices.Contains([]string{neverUsed, notTracked}, s.Use.LastUsed):
		return "lost; not used, as far as IAM tracks"
	case s.MayBeLost == s.Actions:
		return "may be lost" + reasons
	case s.Gained == s.Actions:
		return "gained"
	case s.MayBeGained == s.Actions:
		return "may be gained" + reasons
	}
	return ""
}

func alikeLine(services []explainedService, fate string) string {
	actions := 0
	var names []string
	for _, s := range services {
		actions += s.Actions
		names = append(names, s.Service)
	}
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%s (%s): all of %s %s", counted(len(services), "service"), strings.Join(names, ", "), counted(actions, "action"), fate)
}
