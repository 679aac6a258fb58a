package schema

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
)

// Where things are put in Liquibase's container, and who runs there. Source: containers/liquibase/Dockerfile. All is
// below one directory that the image has not: so it is one archive, and docker takes 50 ms for each.
const (
	changelogDir = "/liquibase/run/changelog"
	passFile     = "/liquibase/run/pgpass"
	hostsFile    = "/liquibase/run/hosts"
	liquibaseUID = 9998
)

// removeTimeout is how long the removal of the container may take after the run has ended or was cancelled.
const removeTimeout = 30 * time.Second

const (
	// patience is how long a Liquibase waits for its database, and then for the word to go, before it ends.
	patience = 2 * time.Minute
	// signalGo tells it to go. A process that does not listen to it is not disturbed.
	signalGo = "SIGWINCH"
)

// unselected is a context and a label that no changeset has: Liquibase runs everything when it is given none.
const unselected = "poststack-none"

// chosen is a filter for Liquibase, which takes blanks and commas alone for none given, too.
func chosen(filter string) string {
	if strings.Trim(filter, " ,") == "" {
		return unselected
	}
	return filter
}

// Invocation is one run of Liquibase.
type Invocation struct {
	Command   Command
	Target    database.Target // as the container reaches it
	Changelog *Changelog
	Contexts  string // "" selects only changesets without a context
	Labels    string // label expression; "" selects only changesets without a label
	Each      bool   // each changeset is a transaction of its own
	Count     int    // of CmdRollback
	OnEvent   func(Event)
	// Ready is called when Liquibase has connected and read the changelog, before it changes anything: nil tells it to
	// go, an error ends it. Without it, it does not wait.
	Ready func() error
	Log   io.Writer
}

// Output is how a run ended.
type Output struct {
	Code int
	Last string // last line of Liquibase's log
}

// Liquibase runs one command and reports what happens as events. An error means that it could not be run.
type Liquibase interface {
	Run(ctx context.Context, in Invocation) (Output, error)
}

// Containers is what is needed of a container engine.
type Containers interface {
	ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error)
	ContainerStart(ctx context.Context, id engine.ContainerID) error
	ContainerKill(ctx context.Context, id engine.ContainerID, signal string) error
	ContainerRemove(ctx context.Context, id engine.ContainerID) error
	ContainerWait(ctx context.Context, id engine.ContainerID) (int, error)
	// ContainerLogs writes to one of the two at a time.
	ContainerLogs(ctx context.Context, id engine.ContainerID, o engine.LogOptions, stdout, stderr io.Writer) error
}

// Container runs Liquibase in a container that is removed afterwards.
type Container struct {
	Engine      Containers
	Image       engine.Ref
	Labels      map[string]string
	NetworkOf   string // the database's container, whose network it shares; or
	HostNetwork bool   // for a database that listens on this machine's loopback address
}

// Run implements [Liquibase]. The changelog and the password are copied into the container as files; neither
// is in its arguments or its environment. Whatever happens, the container is removed.
func (c Container) Run(ctx context.Context, in Invocation) (out Output, err error) {
	spec, err := c.spec(in)
	if err != nil {
		return Output{}, err
	}
	if in.Ready != nil {
		spec.Command = append(spec.Command, "--hold="+strconv.Itoa(int(patience.Seconds())))
	}
	id, err := c.launch(ctx, spec)
	if err == nil {
		out, err = c.watch(ctx, id, in)
	}
	return out, errors.Join(err, c.remove(ctx, id))
}

// launch makes and starts the container. One that was made and did not start has an ID, too.
func (c Container) launch(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error) {
	id, err := c.Engine.ContainerCreate(ctx, spec)
	if err != nil {
		return "", fmt.Errorf("create container of image %q: %w", c.Image, err)
	}
	if err := c.Engine.ContainerStart(ctx, id); err != nil {
		return id, fmt.Errorf("start container of image %q: %w", c.Image, err)
	}
	return id, nil
}

// remove removes the container, if there is one, also after ctx has ended.
func (c Container) remove(ctx context.Context, id engine.ContainerID) error {
	if id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	if err := c.Engine.ContainerRemove(ctx, id); err != nil {
		return fmt.Errorf("remove container of image %q: %w", c.Image, err)
	}
	return nil
}

// errEnded is the cause of a context that ends when Liquibase has told of its success on both streams: the container
// takes a tenth of a second more to end, which nothing has to wait for.
var errEnded = errors.New("Liquibase has ended")

// watch passes the container's output on until it ends, and tells Liquibase to go once it is ready.
func (c Container) watch(ctx context.Context, id engine.ContainerID, in Invocation) (Output, error) {
	reading, done := context.WithCancelCause(ctx)
	defer done(nil)
	streams := 0
	ended := func() {
		if streams++; streams == 2 {
			done(errEnded)
		}
	}
	on := func(e Event) {
		if e.Event != "ready" || in.Ready == nil {
			in.OnEvent(e)
			return
		}
		err := in.Ready()
		if err == nil {
			if err = c.Engine.ContainerKill(ctx, id, signalGo); err != nil {
				err = fmt.Errorf("tell Liquibase to go: %w", err)
			}
		}
		if err != nil {
			done(err)
		}
	}
	last := newLastLine(in.Log, ended)
	err := c.Engine.ContainerLogs(reading, id, engine.LogOptions{Follow: true}, events(in.Log, on, ended), last)
	if cause := context.Cause(reading); errors.Is(cause, errEnded) {
		return Output{Last: last.String()}, nil
	} else if cause != nil {
		return Output{}, cause
	}
	if err != nil {
		return Output{}, fmt.Errorf("read output of Liquibase: %w", err)
	}
	code, err := c.Engine.ContainerWait(ctx, id)
	if err != nil {
		return Output{}, fmt.Errorf("wait for Liquibase: %w", err)
	}
	return Output{Code: code, Last: last.String()}, nil
}

func (c Container) spec(in Invocation) (engine.ContainerSpec, error) {
	target := in.Target
	target.Application = "poststack liquibase"
	spec := engine.ContainerSpec{
		Image: c.Image, Labels: c.Labels, NetworkOf: c.NetworkOf, HostNetwork: c.HostNetwork,
		Command: []string{string(in.Command)}, FilesBelow: "/liquibase",
		Env: map[string]string{
			"LIQUIBASE_COMMAND_URL":            target.JDBC(),
			"LIQUIBASE_COMMAND_USERNAME":       target.User,
			"LIQUIBASE_SEARCH_PATH":            changelogDir,
			"LIQUIBASE_COMMAND_CHANGELOG_FILE": in.Changelog.Root,
			"LIQUIBASE_COMMAND_CONTEXTS":       chosen(in.Contexts),
			"LIQUIBASE_COMMAND_LABEL_FILTER":   chosen(in.Labels),
		},
	}
	if in.Each {
		spec.Command = append(spec.Command, "--transaction=changeset")
	}
	if in.Command == CmdRollback {
		spec.Command = append(spec.Command, "--count="+strconv.Itoa(in.Count))
	}
	for _, f := range in.Changelog.Files {
		spec.Files = append(spec.Files, engine.File{Path: path.Join(changelogDir, f.Path), Mode: 0o444, Content: f.Content})
	}
	if pass := target.PassFile(); pass != nil {
		spec.Env["PGPASSFILE"] = passFile
		spec.Files = append(spec.Files,
			engine.File{Path: passFile, Mode: 0o600, UID: liquibaseUID, GID: liquibaseUID, Content: pass})
	}
	if hosts := target.Hosts(); hosts != nil {
		spec.Env["LIQUIBASE_HOSTS_FILE"] = hostsFile
		spec.Files = append(spec.Files, engine.File{Path: hostsFile, Mode: 0o444, Content: hosts})
	}
	files, err := target.ClientFiles()
	if err != nil {
		return engine.ContainerSpec{}, err
	}
	for _, f := range files {
		spec.Files = append(spec.Files,
			engine.File{Path: f.Path, Mode: 0o400, UID: liquibaseUID, GID: liquibaseUID, Content: f.Content})
	}
	return spec, nil
}
