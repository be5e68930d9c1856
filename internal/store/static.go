package store

import "github.com/fleetdial/fleetdial/internal/directive"

type static struct{ set *directive.Set }

var _ Store = static{}

// Static returns a [Store] whose set never changes. A nil set is empty.
func Static(set *directive.Set) Store {
	if set == nil {
		set = &directive.Set{}
	}
	return static{set}
}

func (s static) Load() *directive.Set { return s.set }
