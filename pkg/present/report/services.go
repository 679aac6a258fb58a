package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/inventory"
)

// badge is the class of what says how a service is.
func badge(h inventory.Health) string {
	return map[inventory.Health]string{
		inventory.Well: "done", inventory.Impaired: "cancelled", inventory.Down: "failed",
	}[h]
}

// others are the names that a certificate is for; "" where its own name says it all.
func others(c inventory.Certificate) string {
	if slices.Equal(c.Names, []string{c.Name}) {
		return ""
	}
	return strings.Join(c.Names, ", ")
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

// days are whole days until something ends.
func days(n int) string {
	if n < 0 {
		return "ended"
	}
	return count(n, "day")
}
