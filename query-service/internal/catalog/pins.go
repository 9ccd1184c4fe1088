package catalog

import (
	"fmt"
	"strconv"
	"strings"
)

// Pin says which version the unscoped paths of a model answer from. The zero value is the one that serves.
type Pin struct {
	Number int  // of the version; 0 where it is not pinned to one
	Latest bool // the newest version that is kept current, whether or not it serves
}

// Pins are those of models by their names, as READ_MODEL_PINS has them: trips=2,zones=latest.
type Pins map[string]Pin

// Decode reads the pins; envconfig calls it.
func (p *Pins) Decode(text string) error {
	pins := Pins{}
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, to, _ := strings.Cut(part, "=")
		name, to = strings.TrimSpace(name), strings.TrimSpace(to)
		pin := Pin{Latest: to == "latest"}
		if !pin.Latest {
			pin.Number, _ = strconv.Atoi(to)
		}
		if _, twice := pins[name]; twice || name == "" || !pin.Latest && pin.Number < 1 {
			return fmt.Errorf("%q does not pin a read model; write trips=2 or trips=latest, each model once", part)
		}
		pins[name] = pin
	}
	*p = pins
	return nil
}
