package stack

import (
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/schema"
)

// ImageData is an image that a phase built or found unchanged, as a value for machines.
type ImageData struct {
	Name        string      `json:"name"`
	Ref         string      `json:"ref"`        // for people, :latest
	DigestRef   string      `json:"digest_ref"` // for code: always the image with these inputs
	ID          string      `json:"id"`
	InputDigest string      `json:"input_digest"`
	SizeBytes   int64       `json:"size_bytes"` // unpacked
	Unchanged   bool        `json:"unchanged"`  // nothing was built
	Cached      int         `json:"cached_steps"`
	Steps       []ImageStep `json:"steps"` // in order; empty when unchanged
}

// ImageStep is a step of a build.
type ImageStep struct {
	Text    string  `json:"text"`
	Cached  bool    `json:"cached"`
	Seconds float64 `json:"seconds"`
}

// imageData is res as a value for machines.
func imageData(res image.Result) ImageData {
	data := ImageData{
		Name: res.Name, Ref: string(res.Ref), DigestRef: string(res.DigestRef), ID: string(res.ID),
		InputDigest: string(res.InputDigest), SizeBytes: res.SizeBytes, Unchanged: res.Skipped,
		Cached: res.CachedSteps, Steps: make([]ImageStep, len(res.StepTimes)),
	}
	for i, step := range res.StepTimes {
		data.Steps[i] = ImageStep{Text: step.Text, Cached: step.Cached, Seconds: step.Duration.Seconds()}
	}
	return data
}

// SchemaData is what is known of a database's schema.
type SchemaData struct {
	State      schema.StateKind `json:"state"`
	Summary    string           `json:"summary"`   // one line
	Estimated  bool             `json:"estimated"` // Liquibase has not read the changelog: only what is recorded is known
	Recorded   int              `json:"recorded"`  // changesets in the database's own table
	Locked     string           `json:"locked,omitempty"`
	Problem    string           `json:"problem,omitempty"` // why an update would fail
	Warnings   []string         `json:"warnings"`
	Changesets []ChangesetData  `json:"changesets"` // in the order in which they run
	Unknown    []ChangesetData  `json:"unknown"`    // recorded, but in none of the changelog's files
}

// ChangesetData is one changeset.
type ChangesetData struct {
	File    string      `json:"file"`
	ID      string      `json:"id"`
	Author  string      `json:"author"`
	Context string      `json:"context"`
	Labels  string      `json:"labels"`
	State   schema.Will `json:"state"`
}

// schemaData is a schema's state as a value for machines.
func schemaData(s schema.State) SchemaData {
	data := SchemaData{
		State: s.Kind, Summary: s.String(), Estimated: s.Estimated, Recorded: s.Recorded,
		Warnings:   append([]string{}, s.Warnings...),
		Changesets: changesetsData(s.Changesets), Unknown: changesetsData(s.Unknown),
	}
	if s.Lock != nil {
		data.Locked = s.Lock.String()
	}
	if s.Problem != nil {
		data.Problem = s.Problem.Error()
	}
	return data
}

func changesetsData(list []schema.Status) []ChangesetData {
	data := make([]ChangesetData, len(list))
	for i, c := range list {
		data[i] = ChangesetData{
			File: c.File, ID: c.ID, Author: c.Author, Context: c.Context, Labels: c.Labels, State: c.Will,
		}
	}
	return data
}

// URLData is how to connect to the database in use. The URL holds the password, or the name of the file that has it.
type URLData struct {
	URL      string `json:"url"`
	Host     string `json:"host"`
	Port     uint16 `json:"port"`
	User     string `json:"user"`
	Database string `json:"database"`
	PassFile string `json:"passfile,omitempty"` // the file with the password, if the URL is without
	SSLMode  string `json:"sslmode"`
	RootCert string `json:"sslrootcert,omitempty"` // the file with whom clients trust
}

// ReadyData is a database that was set up.
type ReadyData struct {
	Database string `json:"database"` // URL without the password
	Changed  bool   `json:"changed"`  // something was built, started or migrated
}

// MigrationData is what a schema operation did.
type MigrationData struct {
	State   schema.StateKind `json:"state"`
	Applied []schema.Applied `json:"applied"` // in order; empty when there was nothing to do
}

// migrationData is the result of a schema operation as a value for machines.
func migrationData(res schema.Result) MigrationData {
	return MigrationData{State: res.State.Kind, Applied: append([]schema.Applied{}, res.Applied...)}
}

// ServerData is a database server that was verified.
type ServerData struct {
	Database       string   `json:"database"` // URL without the password
	Version        string   `json:"version"`
	VersionNumber  int      `json:"version_number"` // 150018
	TLS            string   `json:"tls"`            // "" when the connection is not encrypted
	LatencySeconds float64  `json:"latency_seconds"`
	Encoding       string   `json:"encoding"`
	TimeZone       string   `json:"time_zone"`
	Writable       bool     `json:"writable"`
	Schema         string   `json:"schema"` // its state in a word or two
	Warnings       []string `json:"warnings"`
}

// serverData is a verification as a value for machines.
func serverData(r database.Report, state string) ServerData {
	return ServerData{
		Database: r.Target, Version: r.Version, VersionNumber: r.VersionNumber, TLS: r.TLS,
		LatencySeconds: r.Latency.Seconds(),
		Encoding:       r.Encoding, TimeZone: r.TimeZone, Writable: r.Writable, Schema: state,
		Warnings: append([]string{}, r.Warnings...),
	}
}
