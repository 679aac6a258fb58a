package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/inventory"
)

// serviceView is a service as it is drawn.
type serviceView struct {
	Name, State, Class, Summary string
	Tells                       []pair
}

// hostedView is what the services serve.
type hostedView struct {
	Domains      []inventory.Domain
	Certificates []certificateView
}

// certificateView is a row; Names is empty where its own name says it all.
type certificateView struct {
	Name, Names, Status, Class, Left, Ends, Served, More string
}

func newServices(services []inventory.Service) []serviceView {
	classes := map[inventory.Health]string{
		inventory.Well: "done", inventory.Impaired: "cancelled", inventory.Down: "failed",
	}
	views := make([]serviceView, 0, len(services))
	for _, s := range services {
		v := serviceView{Name: s.Name, State: s.State, Class: classes[s.Health], Summary: s.Summary}
		for _, line := range s.Tells {
			v.Tells = append(v.Tells, pair{line[0], line[1]})
		}
		views = append(views, v)
	}
	return views
}

func newHosted(i inventory.Inventory) hostedView {
	h := hostedView{Domains: i.Domains}
	for _, c := range i.Certificates {
		v := certificateView{Name: c.Name, Status: c.Status, Served: c.Served, More: c.More}
		if !slices.Equal(c.Names, []string{c.Name}) {
			v.Names = strings.Join(c.Names, ", ")
		}
		switch {
		case c.Wrong:
			v.Class = "failed"
		case c.DaysLeft != nil:
			v.Class = "done"
		}
		if c.DaysLeft != nil {
			v.Left, v.Ends = days(*c.DaysLeft), c.NotAfter.Local().Format(time.DateOnly)
		}
		h.Certificates = append(h.Certificates, v)
	}
	return h
}

// servicesFact is how many services are well, and which certificate ends first.
func servicesFact(i inventory.Inventory) fact {
	well := 0
	for _, s := range i.Services {
		if s.Health == inventory.Well {
			well++
		}
	}
	f := fact{Name: "Services", Value: fmt.Sprintf("%d of %d well", well, len(i.Services)), More: "no certificate yet"}
	var first *int
	wrong := 0
	for _, c := range i.Certificates {
		if c.Wrong {
			wrong++
		}
		if c.DaysLeft != nil && (first == nil || *c.DaysLeft < *first) {
			first = c.DaysLeft
		}
	}
	switch {
	case wrong > 0:
		f.More = count(wrong, "certificate") + " to look after"
	case first != nil:
		f.More = "certificates: the first ends in " + days(*first)
	}
	return f
}

// days are whole days until something ends, or since it has.
func days(n int) string {
	if n < 0 {
		return "ended"
	}
	return count(n, "day")
}
