package hosting

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// rules say in plain words what the database's constraints demand. What people type is looked at before, so that these
// are met only by who came in between, and by what only the database knows.
func rules() map[string]string {
	return map[string]string{
		"domains_name_unique":        "this domain is there already; see: mage domain:list",
		"domains_web_root_form":      "the web root is an absolute path without ..",
		"accounts_address_unique":    "this account is there already; see: mage account:list",
		"accounts_domain_fk":         "the domain has accounts; remove them first, or all with: mage domain:remove -all",
		"aliases_destination_unique": "this alias passes mail to that address already; see: mage alias:list",
		"aliases_domain_fk":          "there is no such domain any more; see: mage domain:list",
		"aliases_destination_form":   "the destination is a mail address",
		"dns_zones_name_unique":      "this zone is there already; see: mage dns:zone",
		"dns_zones_domain_fk":        "there is no such domain any more; see: mage domain:list",
		"dns_zones_hostmaster_form":  "the hostmaster is a mail address",
		"dns_records_unique":         "this record is there already; see: mage dns:list",
		"dns_records_zone_fk":        "there is no such zone any more; see: mage dns:zone",
		"dns_records_content_form":   "the content is not what a record of this type holds",
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
