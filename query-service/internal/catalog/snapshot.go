package catalog

import (
	"fmt"
	"slices"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Snapshot is what was known at one moment. It does not change.
type Snapshot struct {
	Models []*Model // by name

	declared []readmodel.Declared
	err      error // a fault; nil where the database answered
	missing  bool  // the database answered that there are no read models
}

// Model is a read model with all of its versions.
type Model struct {
	Name     string
	Versions []*Version // by number
	Pin      Pin
}

// Version is a version of a read model with what answers need to know of it.
type Version struct {
	readmodel.Declared
	Fields map[string]int32 // numbers of the columns in messages of gRPC, by their names
}

// Target is what somebody asks.
type Target struct {
	Model  string
	Number int // of the version; 0 for the one that unscoped paths answer from
}

// Model returns the model of that name, nil where there is none.
func (s *Snapshot) Model(name string) *Model {
	i := slices.IndexFunc(s.Models, func(m *Model) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return s.Models[i]
}

// Lacks reports whether the database answered, and has no model of that name.
func (s *Snapshot) Lacks(name string) bool { return s.err == nil && s.Model(name) == nil }

// Unknown returns why no model is known, nil where one is. Which paths there are is not known then either.
func (s *Snapshot) Unknown() error {
	if len(s.Models) > 0 {
		return nil
	}
	return s.err
}

// Version returns the version of that number, nil where there is none.
func (m *Model) Version(number int) *Version {
	i := slices.IndexFunc(m.Versions, func(v *Version) bool { return v.Number == number })
	if i < 0 {
		return nil
	}
	return m.Versions[i]
}

// Serving returns the version that serves, nil where none does.
func (m *Model) Serving() *Version {
	i := slices.IndexFunc(m.Versions, func(v *Version) bool { return v.Version.Serving() })
	if i < 0 {
		return nil
	}
	return m.Versions[i]
}

// Unscoped returns the version that unscoped paths answer from, nil where there is none.
func (m *Model) Unscoped() *Version {
	switch {
	case m.Pin.Number > 0:
		return m.Version(m.Pin.Number)
	case m.Pin.Latest:
		for _, v := range slices.Backward(m.Versions) {
			if v.State == readmodel.Ready || v.State == readmodel.Serving {
				return v
			}
		}
		return nil
	default:
		return m.Serving()
	}
}

// Describing returns the version whose declaration tells the path and the shape of unscoped answers: that which gives them
// or, where there is none, the newest. It is never nil.
func (m *Model) Describing() *Version {
	if v := m.Unscoped(); v != nil {
		return v
	}
	return m.Versions[len(m.Versions)-1]
}

// Find returns the version to ask. Its errors are faults that say why there is none.
func (s *Snapshot) Find(t Target) (*Version, error) {
	m := s.Model(t.Model)
	if m == nil {
		if s.err != nil {
			return nil, s.err
		}
		return nil, missing(t.Model, fmt.Errorf("no version of %s is known", t.Model))
	}
	v, number := m.Unscoped(), m.Pin.Number
	if t.Number > 0 {
		v, number = m.Version(t.Number), t.Number
	}
	switch {
	case v == nil && number > 0:
		return nil, fault.New(fault.CodeNoSuchVersion, fmt.Sprintf("%s has no version %d.", t.Model, number), nil)
	case v == nil:
		return nil, missing(t.Model, fmt.Errorf("no version of %s serves", t.Model))
	case v.State == readmodel.Dropped:
		return nil, fault.New(fault.CodeVersionDropped, v.Label()+" was dropped.", nil)
	case v.Refused != nil:
		return nil, fault.New(fault.CodeMisconfigured, v.Label()+
			" was declared for another release of this service, which this one cannot read. Run that release, or build a new version.", v.Refused)
	case !v.State.Readable():
		return nil, fault.New(fault.CodeReadModelMissing, fmt.Sprintf(
			"%s is %s: it can be asked when it is ready. Its phase says how far it is.", v.Label(), v.State), nil)
	case !v.TableExists:
		return nil, missing(t.Model, fmt.Errorf("there is no table %s.%s", v.Schema, v.Table))
	}
	return v, nil
}

// Answers reports whether the label, such as timestamp/v1, is that of a version that can be asked, or may be.
func (s *Snapshot) Answers(label string) bool {
	known := false
	for _, m := range s.Models {
		for _, v := range m.Versions {
			if v.Label() == label {
				return v.State.Readable()
			}
		}
		known = known || m.Serving() != nil
	}
	return !known
}

// Successor returns the version that took the place of one that was dropped, nil where none serves.
func (s *Snapshot) Successor(model string) *Version {
	if m := s.Model(model); m != nil {
		return m.Serving()
	}
	return nil
}

func missing(model string, cause error) error {
	return fault.New(fault.CodeReadModelMissing,
		"The read model "+model+" is not there yet; the consumer-service creates it when it starts.", cause)
}

// Described returns the version whose shape and state the target's paths show, in whatever state it is but dropped. Of one
// that is refused there is no shape to show.
func (s *Snapshot) Described(t Target) (*Version, error) {
	m := s.Model(t.Model)
	if m == nil {
		return s.Find(t)
	}
	v := m.Describing()
	if t.Number > 0 {
		v = m.Version(t.Number)
	}
	if v == nil || v.State == readmodel.Dropped {
		return s.Find(t)
	}
	return v, nil
}
