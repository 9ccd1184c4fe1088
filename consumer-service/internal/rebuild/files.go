package rebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Files are the declarations that the process was started with: the newest shape of each model. What a version looks like
// is in the control tables.
type Files []*readmodel.Declaration

// Declaration returns what the version is to be run by: the file's declaration where it is of the same shape, because its
// topics may come from settings, and otherwise the one that the version was created with.
func (f Files) Declaration(ctx context.Context, db readmodel.Database, v readmodel.Version) (*readmodel.Declaration, error) {
	if d := f.of(v.Name); d != nil && d.Fingerprint() == v.Fingerprint {
		return d.Numbered(v.Number), nil
	}
	d, err := readmodel.StoredDeclaration(ctx, db, v)
	if err != nil {
		return nil, postgres.Classify(fmt.Errorf("read the declaration of %s: %w", v.Label(), err))
	}
	return d, nil
}

func (f Files) of(name string) *readmodel.Declaration {
	i := slices.IndexFunc(f, func(d *readmodel.Declaration) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return f[i]
}

// unborn reports whether a model of the files has no version.
func (f Files) unborn(versions []readmodel.Version) bool {
	return slices.ContainsFunc(f, func(d *readmodel.Declaration) bool {
		return !slices.ContainsFunc(versions, func(v readmodel.Version) bool { return v.Name == d.Name })
	})
}

// differing returns the models whose newest version is not what their file says, or "".
func (f Files) differing(versions []readmodel.Version) string {
	newest := map[string]readmodel.Version{}
	for _, v := range versions {
		newest[v.Name] = v // they come by number
	}
	var names []string
	for _, d := range f {
		if v, ok := newest[d.Name]; ok && v.Fingerprint != d.Fingerprint() {
			names = append(names, d.Name)
		}
	}
	return strings.Join(names, ", ")
}

// Current returns the declarations of the model's versions that hold rows: those that are kept current, and the retired
// ones, which can be built again. A version that was dropped by hand is none of them.
func (f Files) Current(ctx context.Context, db readmodel.Database, model string) ([]*readmodel.Declaration, error) {
	versions, err := readmodel.Versions(ctx, db)
	if err != nil {
		return nil, postgres.Classify(fmt.Errorf("read the versions of %s: %w", model, err))
	}
	var current []*readmodel.Declaration
	for _, v := range versions {
		if v.Name != model || !v.State.Kept() && v.State != readmodel.Retired {
			continue
		}
		exists, err := readmodel.TableExists(ctx, db, v)
		if err != nil {
			return nil, postgres.Classify(fmt.Errorf("look for the table of %s: %w", v.Label(), err))
		}
		if !exists {
			continue
		}
		d, err := f.Declaration(ctx, db, v)
		if err != nil {
			return nil, err
		}
		current = append(current, d)
	}
	return current, nil
}
