package stack

import (
	"slices"
	"time"

	"github.com/poststack/poststack/pkg/hosting"
)

// CertificateData is a certificate as a value for machines.
type CertificateData struct {
	hosting.CertificateRow
	DaysLeft *int         `json:"days_left"` // null until it is issued
	NextTry  *time.Time   `json:"next_try"`  // null unless it is left alone for now
	Remedy   string       `json:"remedy"`
	Served   []ServedData `json:"served"` // by services that run
}

// ServedData is what a TLS client is shown for a certificate's first name.
type ServedData struct {
	Service string `json:"service"`
	Address string `json:"address"`
	Serial  string `json:"serial"`
	Current bool   `json:"current"` // it is the one that the table has, or one that ends later
	Problem string `json:"problem"` // why there was no answer
}

// certificateData is it without what is served.
func certificateData(c hosting.CertificateRow, now time.Time) CertificateData {
	data := CertificateData{CertificateRow: c, NextTry: c.HeldUntil(now), Remedy: c.Remedy(), Served: []ServedData{}}
	if c.NotAfter != nil && c.Status != hosting.CertificateRevoked {
		days := daysUntil(*c.NotAfter, now)
		data.DaysLeft = &days
	}
	return data
}

// daysUntil is how many whole days there are until then; it is negative after that.
func daysUntil(then, now time.Time) int {
	const day = 24 * time.Hour
	if left := then.Sub(now); left >= 0 {
		return int(left / day)
	}
	return int(then.Sub(now)/day) - 1
}

// ended tells whether no client believes it any more.
func (d CertificateData) ended() bool { return d.DaysLeft != nil && *d.DaysLeft < 0 }

// wrong tells whether somebody has to look after it.
func (d CertificateData) wrong() bool {
	stale := slices.ContainsFunc(d.Served, func(s ServedData) bool { return !s.Current })
	return d.ended() || d.Status == hosting.CertificateFailed || d.Status == hosting.CertificateIssued && stale
}
