package readmodel

// State is where a version is in its life:
//
//	planned → building → ready ⇄ serving
//	              ↑        ↓
//	              └──── retired → dropped
//
// A version is kept current while it is building, ready or serving. The database holds at most one building and one
// serving version of a model (unique indexes), and what happened, when and by whom (read_model_history).
type State string

// The states.
const (
	Planned  State = "planned"  // made, and empty; nothing fills it yet
	Building State = "building" // being filled from offset 0, without its indexes
	Ready    State = "ready"    // as current as the serving one, and may serve
	Serving  State = "serving"  // unscoped paths answer from it
	Retired  State = "retired"  // no longer kept current; its rows are still there
	Dropped  State = "dropped"  // its rows are gone
)

// Kept reports whether consumers keep versions in this state current.
func (s State) Kept() bool { return s == Building || s == Ready || s == Serving }

// Readable reports whether versions in this state answer under their number.
func (s State) Readable() bool { return s == Ready || s == Serving || s == Retired }

// VersionsChannel is the channel of NOTIFY on which every change of a version's state is told at its commit; the payload
// is the name of the model.
const VersionsChannel = "counterfoil_versions"
