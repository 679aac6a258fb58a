package engine

import (
	"context"
	"errors"
)

// Candidate is an engine that could be used, and what became of it.
type Candidate struct {
	Info
	Program  string `json:"program"` // path of its command line; "" when there is none, or it is the other engine's
	Selected bool   `json:"used"`    // it is the one that [Open] takes
	Works    bool   `json:"works"`
	Reason   string `json:"reason,omitempty"` // why it was rejected; "" when it works
	Remedy   string `json:"-"`                // what cures that; "" is installing an engine
}

// Status tries every engine, whichever is wanted, and tells which [Open] takes and why it passes over the
// others. What the probe found earlier is used again.
func Status(ctx context.Context, o Options) ([]Candidate, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	order := o.order()
	if o.Want != "auto" {
		order = append(order, other(order[0]))
	}
	var out []Candidate
	taken := false
	for i, kind := range order {
		c := o.examine(ctx, kind)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c.Selected = c.Works && !taken && (o.Want == "auto" || i == 0)
		taken = taken || c.Selected
		c.Workarounds = append([]string{}, c.Workarounds...) // none is a list, too
		out = append(out, c)
	}
	return out, nil
}

func other(k Kind) Kind {
	if k == Podman {
		return Docker
	}
	return Podman
}

// examine opens an engine and closes it again.
func (o Options) examine(ctx context.Context, kind Kind) Candidate {
	c := Candidate{Info: Info{Kind: kind}, Program: o.look(string(kind))}
	e, err := open(ctx, o, kind)
	if err != nil {
		r := o.reject(kind, err)
		c.Reason, c.Remedy = r.Reason, r.Remedy
		var setting *settingError
		if errors.As(err, &setting) && setting.disguise {
			c.Program = ""
		}
		return c
	}
	c.Info, c.Works = e.Info(), true
	_ = e.Close()
	return c
}
