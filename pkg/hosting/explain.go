package hosting

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// rules say in plain words what the database's constraints demand. What people type is looked at before, so that these
// are met only by who came in between, and by what only the database knows.
func rules() map[string]string {
	const ascii = "only letters a to z, digits and hyphens, with dots between its parts"
	return map[string]string{
		"domains_name_unique":       "this domain is there already; see: mage domain:list",
		"domains_name_lower":        "the name of a domain is kept in lower case",
		"domains_name_form":         "the name of a domain has " + ascii,
		"domains_web_root_form":     "the web root is an absolute path without ..",
		"accounts_address_unique":   "this account is there already; see: mage account:list",
		"accounts_domain_fk":        "the domain has accounts; remove them first, or all with: mage domain:remove -all",
		"accounts_local_part_lower": "the part before the @ is kept in lower case",
		"accounts_local_part_form":  "the part before the @ has at most 64 letters a to z, digits and . _ -",
		"accounts_password_hash_form": "the password is kept as a salted hash, such as $2y$…; give it with: mage " +
			"account:password",
		"accounts_quota_positive":    "the quota is larger than 0; without one there is no limit",
		"aliases_destination_unique": "this alias passes mail to that address already; see: mage alias:list",
		"aliases_domain_fk":          "there is no such domain any more; see: mage domain:list",
		"aliases_local_part_lower":   "the part before the @ is kept in lower case",
		"aliases_local_part_form": "the part before the @ has at most 64 letters a to z, digits and . _ -, or is " +
			"* alone",
		"aliases_destination_form": "the destination is a mail address",
		"dns_zones_name_unique":    "this zone is there already; see: mage dns:zone",
		"dns_zones_domain_fk":      "there is no such domain any more; see: mage domain:list",
		"dns_zones_name_lower":     "the name of a zone is kept in lower case",
		"dns_zones_name_form":      "the name of a zone has " + ascii,
		"dns_zones_kind_known":     "a zone is primary or secondary",
		"dns_zones_primaries_for_secondary": "a secondary zone, and only such a one, has addresses that it is " +
			"transferred from",
		"dns_zones_primaries_hosts":     "what a zone is transferred from are addresses of hosts, without a mask",
		"dns_zones_primary_ns_form":     "the first name server is a name in lower case without a dot at its end",
		"dns_zones_hostmaster_form":     "the hostmaster is a mail address",
		"dns_zones_serial_range":        "the serial is between 1 and 4294967295",
		"dns_zones_times_range":         "retry is shorter than refresh, and expire longer",
		"dns_records_unique":            "this record is there already; see: mage dns:list",
		"dns_records_zone_fk":           "there is no such zone any more; see: mage dns:zone",
		"dns_records_name_lower":        "names of records are kept in lower case",
		"dns_records_name_form":         "the name of a record is @ for the zone itself, or a name relative to it",
		"dns_records_type_known":        "there is no such type of record",
		"dns_records_ttl_range":         "the TTL is between 0 and 2147483647 seconds",
		"dns_records_priority_range":    "the priority is between 0 and 65535",
		"dns_records_priority_for_type": "MX and SRV records have a priority, and no others",
		"dns_records_content_form":      "the content is not what a record of this type holds",
		"dns_records_cname_alone": "a name with a CNAME record can have no other record (RFC 1034, 3.6.2); remove " +
			"one with: mage dns:remove",
		"dns_records_one_cname":  "a name has at most one CNAME record; remove the other with: mage dns:remove",
		"certificates_domain_fk": "the domain has certificates; remove them, too, with: mage domain:remove -all",
	}
}

// explain says in plain words what the database refused. Of a row that it refuses the server tells all values, among
// them a hash: its detail is never shown.
func explain(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	if rule, ok := rules()[pg.ConstraintName]; ok {
		return &RefusedError{rule}
	}
	switch pg.Code {
	case "42P01", "42703", "42883", "3F000": // no such table, column, function, schema
		return &SchemaError{Err: errors.New(pg.Message)}
	case "42501":
		return fmt.Errorf("the user of the connection may not do this (%s); connect as the owner of the tables", pg.Message)
	case "25006":
		return errors.New("the server takes no changes, as a standby does; connect to the primary one")
	case "40P01", "40001", "55P03":
		return fmt.Errorf("others are changing the same rows (%s); try again", pg.Message)
	}
	if pg.ConstraintName != "" {
		return fmt.Errorf("the database refuses it: %s", pg.Message)
	}
	return err
}
