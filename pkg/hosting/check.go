package hosting

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Problem is what is wrong with a zone.
type Problem struct {
	Zone   string       `json:"zone"`
	Record string       `json:"record"`  // "" for the zone itself, or what it lacks
	Text   string       `json:"problem"` // what is wrong, and what to do
	State  ProblemState `json:"state"`
}

// ProblemState is what kind of problem one is.
type ProblemState string

// The kinds of problems.
const (
	InTables  ProblemState = "tables"   // the tables alone show it
	NotServed ProblemState = "missing"  // the name server does not have it
	Otherwise ProblemState = "differs"  // the name server has it otherwise
	LeftOut   ProblemState = "left out" // the name server cannot serve it
	Stale     ProblemState = "stale"    // the name server has the zone as it was before
	Unsigned  ProblemState = "unsigned" // it is not signed as it should be
)

// Check looks for what is wrong in the tables: in that zone, or in all for "". shown tells what services show for a
// domain's [Hosts]; it is asked for those with TLSA records.
func Check(ctx context.Context, conn Conn, zone Domain, shown func(Domain) []Shown) ([]Problem, error) {
	all, err := Records(ctx, conn, zone)
	if err != nil {
		return nil, err
	}
	byZone := map[string][]RecordRow{}
	for _, r := range all {
		byZone[r.Zone] = append(byZone[r.Zone], r)
	}
	zones, err := Zones(ctx, conn)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, z := range zones {
		if zone != "" && z.Name != string(zone) || z.Kind == "secondary" {
			continue
		}
		problems = append(problems, checkZone(z, byZone[z.Name])...)
	}
	lacking, err := checkNeeds(ctx, conn, zone, byZone, shown)
	return append(problems, lacking...), err
}

func checkZone(z ZoneRow, records []RecordRow) (problems []Problem) {
	zone, servers := Domain(z.Name), 0
	for _, r := range records {
		if !r.Enabled {
			continue
		}
		if r.Name == "@" && r.Type == "NS" {
			servers++
		}
		for _, text := range checkRecord(zone, r.Record, records) {
			problems = append(problems, Problem{Zone: z.Name, Record: r.Record.String(), Text: text, State: InTables})
		}
	}
	if servers == 0 {
		problems = append(problems, Problem{
			Zone: z.Name, Record: "",
			Text:  fmt.Sprintf("it names no server; add one with: mage dns:add %s @ NS %s.", z.Name, z.PrimaryNS),
			State: InTables,
		})
	}
	return problems
}

// checkRecord looks at a record that may not have come through [ParseRecord].
func checkRecord(zone Domain, r Record, records []RecordRow) (problems []string) {
	if relative, found := strings.CutSuffix(r.Name, "."+string(zone)); found || r.Name == string(zone) {
		if !found {
			relative = "@"
		}
		problems = append(problems,
			fmt.Sprintf("its name repeats the zone and means %s; meant is perhaps %s", absolute(zone, r.Name), relative))
	}
	parsed, err := ParseRecord(zone,
		Input{Name: absolute(zone, r.Name) + ".", Type: r.Type, Content: r.Content, Priority: r.Priority, TTL: r.TTL})
	if err != nil {
		return append(problems, err.Error())
	}
	if r.Type == "TXT" && parsed.Content != r.Content {
		problems = append(problems,
			"the quotes that it is kept with are a part of its text; without them it is "+parsed.Content)
	}
	if target := r.target(); parsed.target() == target+"." && r.Type != "TXT" && !named(records, target) {
		problems = append(problems,
			fmt.Sprintf("%s has no dot at its end and means %s; meant is perhaps %s.", target, absolute(zone, target), target))
	}
	if leadsBack(zone, r, records) {
		problems = append(problems, "it leads back to its own name, so that nobody who follows it comes to an end")
	}
	host := r.host(zone, records)
	for _, other := range records {
		if of := policy(r.Type, r.Content); of != "" && other.Enabled && other.Name == r.Name && other.Content != r.Content &&
			policy(other.Type, other.Content) == of {
			problems = append(problems,
				fmt.Sprintf("%s has another %s record, %q: of two none counts", r.Name, of, other.Content))
		}
		if other.Enabled && other.Name == r.Name && excludes(r, other.Record) {
			problems = append(problems, fmt.Sprintf("%s has %q, too: both cannot be true", r.Name, other.Record))
		}
		if other.Enabled && other.Type == "CNAME" && other.Name == host {
			problems = append(problems,
				fmt.Sprintf("%s is a CNAME, and %s records must point to a name with an address of its own", r.target(), r.Type))
		}
	}
	return append(problems, targetNotes(zone, r, records)...)
}

// named tells whether a record has that name.
func named(records []RecordRow, name string) bool {
	return slices.ContainsFunc(records, func(r RecordRow) bool { return r.Name == name })
}

// checkNeeds looks whether the domains with a zone here have what they need.
func checkNeeds(
	ctx context.Context, conn Conn, zone Domain, records map[string][]RecordRow, shown func(Domain) []Shown,
) (problems []Problem, err error) {
	domains, err := Domains(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		if d.Zone == "" || zone != "" && d.Zone != string(zone) || !d.Enabled {
			continue
		}
		var certificates []Shown
		if slices.ContainsFunc(records[d.Zone], func(r RecordRow) bool { return r.Type == "TLSA" && r.Enabled }) {
			certificates = shown(d.Name)
		}
		needs, err := DomainNeeds(ctx, conn, d.Name, nil, certificates...)
		if err != nil {
			return nil, err
		}
		if needs.Elsewhere() {
			continue
		}
		for _, n := range needs.List {
			if n.State != Present && n.Type != "NS" && (n.Type != "TLSA" || n.State != Missing) {
				problems = append(problems, n.problem(d.Name, Domain(d.Zone)))
			}
		}
	}
	return problems, nil
}

// problem says what is wrong with a need of a domain that is not met.
func (n *Need) problem(of, zone Domain) Problem {
	text := fmt.Sprintf("%s lacks a record (%s); see: mage dns:records %s", string(of), n.Why, string(of))
	if n.State == Differs {
		text = fmt.Sprintf("%s has %s (%s); see: mage dns:records %s", string(of), join(n.Have), n.Why, string(of))
	}
	record := n.Record
	if stale := n.Stale(of, zone); stale != "" {
		text = stale
		record.Content = join(n.Have)
	}
	return Problem{Zone: string(zone), Record: strings.TrimSpace(record.String()), Text: text, State: InTables}
}
