package stack

// Migrator is the migrator that the schema's phases use.
var Migrator = (*Stack).migrator //nolint:gochecknoglobals // a name for tests
