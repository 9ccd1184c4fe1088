package fault

// Class says what stands in the way of a record that was set aside, and so what can help.
type Class string

// The classes.
const (
	OfRecord   Class = "record"   // what it holds: a newer version of the read model, else nothing
	OfDatabase Class = "database" // PostgreSQL refused its row: mend the constraint, then retry
	OfOrder    Class = "order"    // an earlier record of its key is parked: decide about that one
	OfDecision Class = "decision" // it could apply, and somebody decided that it shall not
)

// Class returns the class of a code of kind Unappliable.
func (c Code) Class() Class {
	switch c {
	case CodeRefusedByDatabase:
		return OfDatabase
	case CodeBehindParked:
		return OfOrder
	case CodeDiscarded:
		return OfDecision
	default:
		return OfRecord
	}
}
