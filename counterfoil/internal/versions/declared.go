package versions

import (
	"fmt"
	"slices"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Declarations are the flags of a command that reads them.
type Declarations struct {
	ReadModels string `help:"Directory of the declared read models; without it READ_MODELS_DIR, or the built-in ones." type:"path" placeholder:"DIR"`
}

// load reads the declarations as the consumer-service does, those of one model where it is named.
func (d Declarations) load(finder *target.Finder, p *show.Printer, model string) ([]*readmodel.Declaration, error) {
	dir, topic := finder.Find(target.ReadModels, d.ReadModels), finder.Find(target.ConsumerTopic, "")
	all, err := readmodel.Load(dir.Value, map[string]string{topic.Key.Variable: topic.Value})
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("read the declarations: %w", err))
	}
	if dir.Value == "" {
		p.Explain("declarations: built in; name others by --read-models or READ_MODELS_DIR")
	} else {
		p.Explain("declarations in %s (%s)", dir.Value, dir.From())
	}
	if model == "" {
		return all, nil
	}
	all = slices.DeleteFunc(all, func(d *readmodel.Declaration) bool { return d.Name != model })
	if len(all) == 0 {
		return nil, exit.With(exit.NotYet, fmt.Errorf("no read model %s is declared in %s; name the directory by --read-models", model, place(dir)))
	}
	return all, nil
}

func place(dir target.Target) string {
	if dir.Value == "" {
		return "the built-in declarations"
	}
	return dir.Value
}
