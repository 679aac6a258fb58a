package hosting

import (
	"slices"
	"strings"
)

// Remedy says what to do about what an authority has refused, or "" where its own words say it.
func (c CertificateRow) Remedy() string {
	text := strings.ToLower(c.LastError)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
	}
	records := "mage dns:records " + string(c.Domain)
	switch {
	case text == "":
		return ""
	case has("certificate verify failed", "unable to get local issuer"):
		return "set acme.root to the file with the root that the authority's own server is trusted by"
	case has("deploy the certificate", "withdraw the certificate"):
		return "look at the volume of the certificates; it is tried again by itself, without another order"
	case has("the name server has no zone"):
		return "" // it is said
	case has("key of the name server", "find the name server"):
		return "start the name server, which makes the key; it is tried again by itself"
	case has("did not end in time"):
		return "the authority takes too long; it is asked again in an hour"
	case has("ratelimited", "rate limit", "too many"):
		return "wait as long as the authority says; it is asked again by itself"
	case has("looking up caa"):
		return "let the name servers of the domain answer the question for CAA records, also where there is none"
	case has("caa"):
		return "let the CAA record of the domain name this authority: " + records
	case has("txt record", "looking up txt", "_acme-challenge", "dns-01"):
		return "let the name server here be asked for _acme-challenge of each name: " + records
	case has("nxdomain", "no valid a records", "no such host", "looking up a", "could not resolve url"):
		return "let each name lead to this server: " + records
	case has("type: connection"), has("connection refused", "timeout", "timed out", "could not connect",
		"error getting validation data") && has("detail: "):
		return "let port 80 of each name lead to the web server here (settings listen and ports of services), and let no " +
			"firewall close it"
	case has("unauthorized", "invalid response", "404"):
		return "another server answers at port 80 of the name: let it lead to the web server here"
	case has("connection", "max retries", "name or service not known", "temporary failure in name resolution"):
		return "the authority is not reached: look at the network, and at acme.directory if it is set"
	}
	return ""
}
